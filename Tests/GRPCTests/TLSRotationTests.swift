import Foundation
import NIOSSL
import Testing

@testable import GRPC

@Suite struct TLSRotationTests {
  private func replace(_ name: String, with other: String, in folder: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(other)"))
    try bytes.write(to: URL(fileURLWithPath: "\(folder)/\(name)"), options: .atomic)
  }

  private func certificate(_ name: String, in folder: String) throws -> NIOSSLCertificate {
    try #require(NIOSSLCertificate.fromPEMFile("\(folder)/\(name).pem").first)
  }

  /// A caller's side of TLS; `protocols` are what it would speak.
  private func context(
    _ name: String?, in folder: String, protocols: [String] = ["h2"]
  ) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    if let name {
      configuration.certificateChain = [.certificate(try certificate(name, in: folder))]
      configuration.privateKey = .privateKey(
        try NIOSSLPrivateKey(file: "\(folder)/\(name).key", format: .pem))
    }
    configuration.trustRoots = .file("\(folder)/ca.pem")
    configuration.certificateVerification = .noHostnameVerification
    configuration.applicationProtocols = protocols
    return try NIOSSLContext(configuration: configuration)
  }

  private func isAnswered(_ peer: RawPeer, stream: UInt32, first: Bool = true) async -> Bool {
    peer.send(
      (first ? RawPeer.opening : []) + RawPeer.request(stream: stream)
        + RawPeer.data(stream: stream, [0, 0, 0, 0, 0], end: true))
    return await eventually { peer.isClosed || peer.ended(stream: stream) }
      && peer.ended(stream: stream)
  }

  @Test("a server with new files shows them to new callers, and keeps those it has")
  func rotation() async throws {
    try await TestAuthority.with { folder in
      for part in ["pem", "key"] {
        try replace("server.\(part)", with: "identity.\(part)", in: folder)
      }
      var settings = TestAuthority.settings("server", in: folder)
      settings.reloadInterval = .zero
      let server = RPCServer(services: [echo()], settings: .patient, tls: settings)
      let port = try await server.start(port: 0)
      let caller = try context("gateway", in: folder)

      let early = try await RawPeer.connect(port: port, tls: caller)
      #expect(await isAnswered(early, stream: 1))
      #expect(try await early.certificate() == certificate("identity", in: folder))

      // Half of a pair is no pair: the old one stays in use.
      try replace("server.pem", with: "renewed.pem", in: folder)
      let between = try await RawPeer.connect(port: port, tls: caller)
      #expect(await isAnswered(between, stream: 1))
      #expect(try await between.certificate() == certificate("identity", in: folder))

      try replace("server.key", with: "renewed.key", in: folder)
      let late = try await RawPeer.connect(port: port, tls: caller)
      #expect(await isAnswered(late, stream: 1))
      #expect(try await late.certificate() == certificate("renewed", in: folder))
      #expect(await isAnswered(early, stream: 3, first: false))

      for peer in [early, between, late] { peer.close() }
      await server.shutdownGracefully()
    }
  }

  @Test("whom an authority vouches for is let in once that authority is trusted")
  func trust() async throws {
    try await TestAuthority.with { folder in
      let both =
        try Data(contentsOf: URL(fileURLWithPath: "\(folder)/ca.pem"))
        + Data(contentsOf: URL(fileURLWithPath: "\(folder)/other.pem"))
      try replace("roots.pem", with: "ca.pem", in: folder)
      var settings = TestAuthority.settings("identity", in: folder)
      settings.authorityPath = "\(folder)/roots.pem"
      settings.reloadInterval = .zero
      let server = RPCServer(services: [echo()], settings: .patient, tls: settings)
      let port = try await server.start(port: 0)
      let caller = try context("stranger", in: folder)
      let refused = try await RawPeer.connect(port: port, tls: caller)
      #expect(await isAnswered(refused, stream: 1) == false)
      try both.write(to: URL(fileURLWithPath: "\(folder)/roots.pem"), options: .atomic)
      let taken = try await RawPeer.connect(port: port, tls: caller)
      #expect(await isAnswered(taken, stream: 1))
      taken.close()
      await server.shutdownGracefully()
    }
  }

  @Test("files are looked at no more often than said")
  func interval() async throws {
    try await TestAuthority.with { folder in
      for part in ["pem", "key"] {
        try replace("server.\(part)", with: "identity.\(part)", in: folder)
      }
      var settings = TestAuthority.settings("server", in: folder)
      let patient = try TLSIdentity(settings, server: true)
      settings.reloadInterval = .zero
      let eager = try TLSIdentity(settings, server: true)
      let before = (patient.context, eager.context)
      for part in ["pem", "key"] {
        try replace("server.\(part)", with: "renewed.\(part)", in: folder)
      }
      #expect(patient.context === before.0)
      #expect(eager.context !== before.1)
      #expect(eager.context === eager.context)
      #expect(eager.counts.reloads == 1)
      try replace("server.key", with: "identity.key", in: folder)
      let good = eager.context
      #expect(eager.counts.failures == 1)
      #expect(good === eager.context)
    }
  }

  @Test("a server without an authority asks no certificate, and still insists on h2")
  func serverOnly() async throws {
    try await TestAuthority.with { folder in
      var settings = TestAuthority.settings("nobody", in: folder)
      settings.authorityPath = nil
      let server = RPCServer(services: [echo()], settings: .patient, tls: settings)
      let port = try await server.start(port: 0)
      let peer = try await RawPeer.connect(port: port, tls: try context(nil, in: folder))
      #expect(await isAnswered(peer, stream: 1))
      peer.close()
      for protocols in [["http/1.1"], []] {
        let stranger = try await RawPeer.connect(
          port: port, tls: try context(nil, in: folder, protocols: protocols))
        #expect(await isAnswered(stranger, stream: 1) == false, "\(protocols)")
      }
      #expect(await eventually { server.connectionCount == 0 })
      await server.shutdownGracefully()
    }
  }

  @Test("a server without a certificate does not start")
  func nothingToShow() {
    #expect(throws: RPCError.self) {
      try TLSIdentity(TLSSettings(trustDomain: "clientele.local"), server: true)
    }
  }
}
