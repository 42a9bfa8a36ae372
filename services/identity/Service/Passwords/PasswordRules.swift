import CCrack
import Foundation
import Synchronization

/// Which passwords nobody may choose: what is guessed first (Debian's cracklib list and its usual
/// disguises) and what is little more than the person's own name.
struct PasswordRules: Sendable {
  /// Letters and digits that must be left once names are taken out.
  static let ownLettersMin = 4

  /// Path of the cracklib dictionary without ending.
  let dictionary: String

  /// What cracklib says where it has looked at nothing.
  private static let troubles = ["error loading dictionary", "memory allocation error"]

  /// Cracklib keeps state in static variables; held on hashing threads only.
  private static let cracklib = Mutex(())

  /// True when the password may not be chosen. Reads files: for the hashing thread.
  ///
  /// - Parameter context: texts about the person: names, the e-mail's local part, the username.
  func forbid(_ password: Password, context: [String]) throws(PasswordTrouble) -> Bool {
    if isMostlyContext(password, context) { return true }
    return try isGuessedFirst(password)
  }

  /// Named a user, cracklib does not ask the system who runs the process: in a container that need
  /// not be anybody.
  private func isGuessedFirst(_ password: Password) throws(PasswordTrouble) -> Bool {
    let text = password.bytes.map { CChar(bitPattern: $0) } + [0]
    let verdict = Self.cracklib.withLock { _ in
      FascistCheckUser(text, dictionary, "nobody", "").map { String(cString: $0) }
    }
    guard let verdict else { return false }
    guard !Self.troubles.contains(verdict) else {
      throw PasswordTrouble(cause: "cracklib, \(dictionary): \(verdict)")
    }
    return true
  }

  private func isMostlyContext(_ password: Password, _ context: [String]) -> Bool {
    let typed = Username.words(String(decoding: password.bytes, as: UTF8.self)).joined()
    let words = Set(context.flatMap(Username.words)).filter { $0.count >= 3 }
    var rest = typed
    for word in words.sorted(by: { ($0.count, $0) > ($1.count, $1) }) {
      rest = rest.replacing(word, with: "")
    }
    guard rest.count < typed.count else { return false }
    return rest.filter(\.isLetter).count < Self.ownLettersMin && rest.count < 2 * Self.ownLettersMin
  }
}
