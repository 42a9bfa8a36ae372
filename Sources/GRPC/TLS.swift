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
