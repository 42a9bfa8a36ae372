import Crypto
import Foundation
import ServiceKit

/// Which sending of which invitation a link stands for.
struct InvitationLink: Sendable, Hashable {
  var organizationID: UUID
  var invitationID: UUID
  var sendCount: Int32
}

/// Makes and reads the tokens of invitation links. A token is derived, never stored, so that a mail
/// sent twice carries the same link and the database opens nothing (rulings 17).
public struct InvitationKeys: Sendable {
  private static let separator = [UInt8]("clientele invitation link v1\0".utf8)
  private static let bytes = 16 + 16 + 4 + 32

  private let signing: SymmetricKey
  private let accepted: [SymmetricKey]

  /// - Parameters:
  ///   - current: derives new links; at least 32 bytes.
  ///   - former: still open links until they expire.
  public init(current: [UInt8], former: [[UInt8]] = []) {
    signing = SymmetricKey(data: current)
    accepted = ([current] + former).map { SymmetricKey(data: $0) }
  }

  /// The text for the fragment of the page's address.
  func token(for link: InvitationLink) -> String {
    let body = Self.body(link)
    return Base64URL.encode(body + Self.code(body, signing))
  }

  /// What a token stands for; nil when none of our keys derived it.
  func link(_ text: String) -> InvitationLink? {
    guard text.utf8.count <= 128, let bytes = Base64URL.decode(text), bytes.count == Self.bytes
    else { return nil }
    let body = [UInt8](bytes.prefix(36)), code = bytes.suffix(32)
    let genuine = accepted.contains { key in
      HMAC<SHA256>.isValidAuthenticationCode(
        code, authenticating: Self.separator + body, using: key)
    }
    guard genuine else { return nil }
    return InvitationLink(
      organizationID: Self.uuid(bytes[0..<16]), invitationID: Self.uuid(bytes[16..<32]),
      sendCount: bytes[32..<36].reduce(0) { $0 << 8 | Int32($1) })
  }

  /// A keyed hash of something that must not be guessable from the database.
  func fingerprint(_ text: String) -> [UInt8] {
    let data = Data("clientele probe v1\0".utf8) + Data(text.utf8)
    return [UInt8](HMAC<SHA256>.authenticationCode(for: data, using: signing))
  }

  private static func body(_ link: InvitationLink) -> [UInt8] {
    let count = UInt32(bitPattern: link.sendCount)
    return octets(link.organizationID) + octets(link.invitationID)
      + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
  }

  private static func code(_ body: [UInt8], _ key: SymmetricKey) -> [UInt8] {
    [UInt8](HMAC<SHA256>.authenticationCode(for: separator + body, using: key))
  }

  private static func octets(_ uuid: UUID) -> [UInt8] {
    withUnsafeBytes(of: uuid.uuid) { [UInt8]($0) }
  }

  private static func uuid(_ bytes: ArraySlice<UInt8>) -> UUID {
    var octets: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    withUnsafeMutableBytes(of: &octets) { $0.copyBytes(from: bytes) }
    return UUID(uuid: octets)
  }
}
