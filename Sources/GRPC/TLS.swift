import NIOSSL

/// The name a service has in its certificate.
enum PeerName {
  /// The `<name>` of the certificate's one URI `spiffe://<trust-domain>/svc/<name>`; nil when it
  /// has no URI, several, or another.
  static func read(_ certificate: NIOSSLCertificate, trustDomain: String) -> String? {
    var uris: [String] = []
    for name in certificate._subjectAlternativeNames() where name.nameType == .uri {
      uris.append(
        name.contents.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) })
    }
    let prefix = "spiffe://\(trustDomain)/svc/"
    guard uris.count == 1, let uri = uris.first, uri.hasPrefix(prefix) else { return nil }
    let name = uri.dropFirst(prefix.count)
    let isName = name.utf8.allSatisfy {
      ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d
    }
    return !name.isEmpty && isName ? String(name) : nil
  }
}

extension TLSSettings {
  /// TLS 1.3, both sides with a certificate of the one authority, `h2` agreed. Names are checked
  /// after the handshake: they are URIs, not the hosts that TLS libraries look for.
  func context(server: Bool) throws -> NIOSSLContext {
    let chain = try NIOSSLCertificate.fromPEMFile(certificatePath).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key = try NIOSSLPrivateKey(file: keyPath, format: .pem)
    let roots = NIOSSLTrustRoots.file(authorityPath)
    var configuration =
      server
      ? TLSConfiguration.makeServerConfiguration(
        certificateChain: chain, privateKey: .privateKey(key))
      : TLSConfiguration.makeClientConfiguration()
    if !server {
      configuration.certificateChain = chain
      configuration.privateKey = .privateKey(key)
    }
    configuration.trustRoots = roots
    configuration.certificateVerification = .noHostnameVerification
    configuration.minimumTLSVersion = .tlsv13
    configuration.applicationProtocols = ["h2"]
    return try NIOSSLContext(configuration: configuration)
  }
}
