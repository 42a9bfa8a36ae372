/// Where the files of mutual TLS 1.3 are. Both sides show a certificate of the private authority.
public struct TLSSettings: Sendable, Hashable {
  /// PEM file with the certificate, the intermediate ones after it.
  public var certificatePath: String
  /// PEM file with its private key.
  public var keyPath: String
  /// PEM file with the authority's certificate, the only one trusted.
  public var authorityPath: String
  /// `<trust-domain>` in `spiffe://<trust-domain>/svc/<name>`.
  public var trustDomain: String

  /// Names the files.
  public init(
    certificatePath: String, keyPath: String, authorityPath: String,
    trustDomain: String = "clientele.local"
  ) {
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.authorityPath = authorityPath
    self.trustDomain = trustDomain
  }
}
