import Foundation

/// Generated names that sign in, of the shape `First_last` (B9). They hold no `@`, so that no
/// username is ever somebody's e-mail.
public enum Username {
  /// Longest name, in characters.
  static let lengthMax = 64
  /// Longest stem: leaves room for `_` and a number.
  static let stemMax = 54
  /// What people call themselves when nothing of their name can be written in Latin letters.
  static let nameless = "person"

  /// The name to try first for a person.
  public static func stem(given: String, family: String) -> String {
    let first = plain(given), last = plain(family).lowercased()
    let capital = first.prefix(1).uppercased() + first.dropFirst()
    let joined = [capital, last].filter { !$0.isEmpty }.joined(separator: "_")
    let stem = String(joined.prefix(stemMax))
    if stem.count >= 3 { return stem }
    return stem.isEmpty ? nameless : "\(nameless)_\(stem)"
  }

  /// A name as it is compared: accents folded, lower case. Nil when it can be nobody's.
  static func normalize(_ text: String) -> String? {
    guard text.utf8.count <= 4 * lengthMax else { return nil }
    let folded = latin(text.trimmingCharacters(in: .whitespacesAndNewlines)).lowercased()
    guard (3...lengthMax).contains(folded.utf8.count), folded.utf8.allSatisfy(isAllowed) else {
      return nil
    }
    return folded
  }

  /// Lower-case words of a text without accents, for comparing passwords with names.
  static func words(_ text: String) -> [String] {
    latin(text).lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
  }

  /// Letters, digits, `.`, `_` and `-`; blanks and apostrophes become hyphens.
  private static func plain(_ name: String) -> String {
    var result = ""
    for character in latin(name) {
      if let ascii = character.asciiValue, isAllowed(ascii) || (0x41...0x5a).contains(ascii) {
        result.append(character)
      } else if !result.isEmpty, result.last != "-" {
        result.append("-")
      }
    }
    return result.trimmingCharacters(in: CharacterSet(charactersIn: "-._"))
  }

  /// Written in ASCII as far as possible: `Hélène` → `Helene`, `Søren` → `Soren`.
  private static func latin(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
    let transform = StringTransform("Any-Latin; Latin-ASCII")
    return text.precomposedStringWithCanonicalMapping
      .applyingTransform(transform, reverse: false) ?? text
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2e || byte == 0x5f
      || byte == 0x2d
  }
}
