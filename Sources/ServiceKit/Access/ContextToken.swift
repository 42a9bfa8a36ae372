public import CommonAPI
public import Crypto
public import Foundation
import Protobuf

/// Bytes that the signature covers before the key id and the claims, so that a signature made for
/// anything else can never pass as a context token.
private let domainSeparator = [UInt8]("clientele context token v1\0".utf8)

private func signedBytes(keyID: String, claims: [UInt8]) -> [UInt8] {
  domainSeparator + [UInt8](keyID.utf8) + [0] + claims
}

/// Signs context tokens; identity alone has one.
public struct ContextSigner: Sendable {
  private let keyID: String
  private let key: Curve25519.Signing.PrivateKey

  /// - Parameter keyID: says which public key verifies it.
  public init(keyID: String, key: Curve25519.Signing.PrivateKey) {
    self.keyID = keyID
    self.key = key
  }

  /// The public half, for a verifier in the same process.
  public var verifier: ContextVerifier { ContextVerifier(publicKeys: [keyID: key.publicKey]) }

  /// A serialised `ContextToken` for the metadata `clientele-context-bin`.
  public func sign(_ claims: ContextClaims) throws -> [UInt8] {
    let claims = claims.serialized()
    let signature = try key.signature(for: signedBytes(keyID: keyID, claims: claims))
    return ContextToken(keyID: keyID, claims: claims, signature: [UInt8](signature)).serialized()
  }
}

/// Verifies context tokens; every service has one.
public struct ContextVerifier: Sendable {
  /// Where the token rides.
  public static let metadataKey = "clientele-context-bin"
  /// How far the clocks of two services may differ.
  static let skew: TimeInterval = 5
  /// The longest token looked at, in bytes.
  static let tokenBytesMax = 8192

  private let publicKeys: [String: Curve25519.Signing.PublicKey]

  /// - Parameter publicKeys: by key id; two while a key is being replaced.
  public init(publicKeys: [String: Curve25519.Signing.PublicKey]) {
    self.publicKeys = publicKeys
  }

  /// The claims of a token that a known key signed and that is valid at the moment; nil otherwise.
  public func verify(_ token: [UInt8], at moment: Date) -> ContextClaims? {
    guard token.count <= Self.tokenBytesMax,
      let token = try? ContextToken(serialized: token),
      let key = publicKeys[token.keyID],
      key.isValidSignature(
        token.signature, for: signedBytes(keyID: token.keyID, claims: token.claims)),
      let claims = try? ContextClaims(serialized: token.claims),
      let valid = Self.validity(of: claims), valid.contains(moment.timeIntervalSince1970)
    else { return nil }
    return claims
  }

  /// From when to when claims hold, in seconds since 1970; nil when they do not say.
  static func validity(of claims: ContextClaims) -> Range<Double>? {
    guard let issued = claims.issueTime, let expires = claims.expireTime,
      issued.seconds <= expires.seconds
    else { return nil }
    return Double(issued.seconds) - skew..<Double(expires.seconds) + skew
  }
}
