import NIOCore
import NIOSSL

/// How a channel speaks over TLS.
struct ChannelSecurity: Sendable {
  let expected: ExpectedPeer
  private let identity: TLSIdentity
  private let serverName: String?

  /// - Throws: INVALID_ARGUMENT unless it is clear whom to expect; when a file cannot be read.
  init(_ tls: TLSSettings, expectedPeer: String?, serverName: String?) throws {
    switch (tls.trustDomain, expectedPeer) {
    case (let domain?, let name?):
      expected = ExpectedPeer(service: (name, domain))
    case (nil, nil):
      expected = ExpectedPeer(service: nil)
    case (_?, nil):
      throw RPCError(.invalidArgument, "a channel over TLS must know the name of its peer")
    case (nil, _?):
      throw RPCError(.invalidArgument, "the name of a peer means nothing without a trust domain")
    }
    identity = try TLSIdentity(tls, server: false)
    self.serverName = serverName
  }

  /// What a new connection begins with: the certificates as they are now.
  func handler(for endpoint: Endpoint) throws -> NIOSSLClientHandler {
    var name = serverName
    if name == nil, (try? SocketAddress(ipAddress: endpoint.host, port: 0)) == nil {
      name = endpoint.host
    }
    // The names of services are looked for after the handshake; an address goes unnamed in it,
    // and is compared with that of the socket.
    return try NIOSSLClientHandler(
      context: identity.context, serverHostname: expected.service == nil ? name : nil)
  }
}

/// Whom a channel over TLS must find at the other end.
struct ExpectedPeer: Sendable {
  /// The service that the certificate must name, where certificates name services.
  let service: (name: String, trustDomain: String)?

  /// Why the peer is not the one; nil when it is. Host names are checked in the handshake.
  func problem(_ agreed: String?, _ certificate: NIOSSLCertificate?) -> String? {
    guard agreed == "h2" else { return "the server did not agree to HTTP/2" }
    guard let service else { return nil }
    let name = certificate.flatMap { PeerName.read($0, trustDomain: service.trustDomain) }
    guard name != service.name else { return nil }
    return "the server is \(name ?? "nobody we know"), not \(service.name)"
  }
}
