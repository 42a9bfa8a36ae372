/// Where the files of TLS 1.3 are, and what is asked of the peer.
///
/// A server with an authority asks its callers for certificates of it; without one it asks for
/// none. A client without a certificate shows none; without an authority it trusts the system's.
public struct TLSSettings: Sendable, Hashable {
  /// PEM file with the certificate, the intermediate ones after it. A server needs one.
  public var certificatePath: String?
  /// PEM file with its private key.
  public var keyPath: String?
  /// PEM file with the certificates of authorities, the only ones trusted.
  public var authorityPath: String?
  /// `<trust-domain>` in `spiffe://<trust-domain>/svc/<name>`, by which peers that show
  /// certificates are known to each other. Without it a client checks the name of the host.
  public var trustDomain: String?
  /// How often the files are looked at, at most: new connections use what they hold by then.
  public var reloadInterval = Duration.seconds(60)

  /// Names the files.
  public init(
    certificatePath: String? = nil, keyPath: String? = nil, authorityPath: String? = nil,
    trustDomain: String? = nil
  ) {
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.authorityPath = authorityPath
    self.trustDomain = trustDomain
  }
}
