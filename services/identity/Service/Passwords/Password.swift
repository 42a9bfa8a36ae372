import Crypto
import Foundation

/// A password as it is hashed: composed (NFC), so that two keyboards that spell `é` differently
/// write the same one. Has no description: it never reaches a log.
struct Password: Sendable {
  /// Shortest, in bytes of UTF-8.
  static let bytesMin = 8
  /// Longest; a bound before hashing.
  static let bytesMax = 256

  let bytes: [UInt8]

  /// One being chosen. Throws PASSWORD_TOO_SHORT or PASSWORD_TOO_LONG.
  init(choosing text: String) throws {
    guard text.utf8.count <= 4 * Self.bytesMax else { throw IdentityError.passwordTooLong }
    let composed = [UInt8](text.precomposedStringWithCanonicalMapping.utf8)
    guard composed.count >= Self.bytesMin else { throw IdentityError.passwordTooShort }
    guard composed.count <= Self.bytesMax else { throw IdentityError.passwordTooLong }
    guard !composed.contains(0) else { throw IdentityError.passwordTooCommon }
    bytes = composed
  }

  /// One being tried. What no account can have is replaced by bytes that are wrong for every
  /// account, so that refusing it takes as long as refusing any other.
  init(trying text: String) {
    bytes = (try? Password(choosing: text))?.bytes ?? [0]
  }
}

/// What is stored of a password.
struct PasswordHash: Sendable, Hashable {
  /// PHC string of argon2id over HMAC(pepper, password).
  var phc: String
  /// Which pepper.
  var pepperKeyID: String
}

/// Keys that passwords are mixed with before hashing. They live outside the database, so that its
/// content alone gives no password away.
public struct PepperKeys: Sendable {
  /// One of them.
  public struct Key: Sendable {
    let id: String
    let secret: SymmetricKey

    /// - Parameters:
    ///   - id: stored beside each hash.
    ///   - secret: at least 32 bytes.
    public init(id: String, secret: [UInt8]) {
      self.id = id
      self.secret = SymmetricKey(data: secret)
    }
  }

  let current: Key
  private let byID: [String: Key]

  /// - Parameters:
  ///   - current: for new hashes.
  ///   - former: for hashes made before; they are renewed at the next sign-in.
  public init(current: Key, former: [Key] = []) {
    self.current = current
    let pairs = ([current] + former).map { ($0.id, $0) }
    byID = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  /// A text mixed with the current key, as hexadecimal digits.
  func fingerprint(_ text: String) -> String {
    HMAC<SHA256>.authenticationCode(for: Array("request \(text)".utf8), using: current.secret)
      .map { String($0, radix: 16) }.joined(separator: " ")
  }

  /// The password mixed with a key; nil when that key is gone.
  func mixed(_ password: Password, keyID: String) -> [UInt8]? {
    byID[keyID].map { key in
      [UInt8](HMAC<SHA256>.authenticationCode(for: password.bytes, using: key.secret))
    }
  }
}
