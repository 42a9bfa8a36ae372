import Crypto
import Foundation

/// What a signed-in person carries: `clientele_s_`, 256 random bits and a checksum, the last so that
/// secret scanners can tell a token from a look-alike. Only its hash is stored.
struct SessionToken: Sendable {
  static let prefix = "clientele_s_"
  private static let randomBytes = 32

  /// Shown once, at sign-in.
  let text: String

  /// A new one.
  init(_ random: Randomness) {
    let secret = random.bytes(Self.randomBytes)
    text = Self.prefix + Base64URL.encode(secret) + Base64URL.encode(Self.checksum(secret))
  }

  /// Reads one; nil when it is none, without asking the database.
  init?(_ text: String) {
    guard text.utf8.count == Self.prefix.utf8.count + 43 + 6, text.hasPrefix(Self.prefix) else {
      return nil
    }
    let body = text.dropFirst(Self.prefix.count)
    guard let secret = Base64URL.decode(String(body.prefix(43))),
      let sum = Base64URL.decode(String(body.suffix(6))), secret.count == Self.randomBytes,
      sum == Self.checksum(secret)
    else { return nil }
    self.text = text
  }

  /// What is stored.
  var hash: [UInt8] { [UInt8](SHA256.hash(data: Data(text.utf8))) }

  /// CRC-32 (ISO-HDLC), most significant byte first.
  private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var crc: UInt32 = 0xffff_ffff
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0xedb8_8320 : 0) }
    }
    crc = ~crc
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: crc >> $0) }
  }
}
