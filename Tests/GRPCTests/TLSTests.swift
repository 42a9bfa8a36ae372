import BenchAPI
import Foundation
import Testing

@testable import GRPC

/// A private authority with leaves, made by openssl into a folder that is removed afterwards.
enum TestAuthority {
  static func with(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("grpc-tls-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try run(script, in: folder)
    try await body(folder)
  }

  private static let script = """
    set -eu
    key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
    authority() {
      key "$1"
      openssl req -new -x509 -key "$1.key" -out "$1.pem" -days 2 -subj "/CN=$1"
    }
    leaf() {
      key "$1"
      openssl req -new -key "$1.key" -out "$1.csr" -subj "/CN=$1"
      printf 'subjectAltName=%s\\nextendedKeyUsage=serverAuth,clientAuth\\n' "$3" > "$1.ext"
      openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 \
        -extfile "$1.ext" -out "$1.pem"
    }
    authority ca; authority other
    leaf identity ca URI:spiffe://clientele.local/svc/identity
    leaf renewed ca URI:spiffe://clientele.local/svc/identity
    leaf gateway ca URI:spiffe://clientele.local/svc/gateway
    leaf two ca URI:spiffe://clientele.local/svc/gateway,URI:spiffe://clientele.local/svc/identity
    leaf nobody ca DNS:localhost
    leaf foreign ca URI:spiffe://elsewhere/svc/gateway
    leaf stranger other URI:spiffe://clientele.local/svc/gateway
    """

  private static func run(_ script: String, in folder: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  static func settings(_ name: String, in folder: String) -> TLSSettings {
    TLSSettings(
      certificatePath: "\(folder)/\(name).pem", keyPath: "\(folder)/\(name).key",
      authorityPath: "\(folder)/ca.pem", trustDomain: "clientele.local")
  }
}

@Suite struct TLSTests {
  private func settings(_ name: String, in folder: String) -> TLSSettings {
    TestAuthority.settings(name, in: folder)
  }

  @Test("peers know each other by the one name in their certificates, and nobody else gets in")
  func peers() async throws {
    try await TestAuthority.with { folder in
      let service = echo { _, call in
        EchoResponse(payload: Array((call.peer.serviceName ?? "nobody").utf8))
      }
      let server = RPCServer(services: [service], tls: settings("identity", in: folder))
      let port = try await server.start(port: 0)

      func ask(_ name: String?, expecting peer: String = "identity") async throws -> String {
        let channel = try ClientChannel(
          host: "127.0.0.1", port: port, tls: name.map { settings($0, in: folder) },
          expectedPeer: peer)
        let isGood = name == "gateway" && peer == "identity"
        let answer: EchoResponse
        do {
          let patience = Duration.milliseconds(isGood ? 5_000 : 400)
          answer = try await EchoClient(channel).unary(
            EchoRequest(), options: CallOptions(timeout: patience))
        } catch {
          await channel.close(grace: .zero)
          throw error
        }
        await channel.close()
        return String(decoding: answer.payload, as: UTF8.self)
      }

      #expect(try await ask("gateway") == "gateway")
      for name in ["two", "nobody", "foreign", "stranger", nil] {
        let error = await refusal { try await ask(name) }
        #expect(error?.reason == RPCError.noConnection, "\(name ?? "cleartext")")
      }
      let error = await refusal { try await ask("gateway", expecting: "organization") }
      #expect(error?.reason == RPCError.noConnection)
      #expect(try await ask("gateway") == "gateway")
      await server.shutdownGracefully()
    }
  }

  @Test("a channel over TLS must know whom it calls")
  func nameless() {
    #expect(throws: RPCError.self) {
      try ClientChannel(
        host: "127.0.0.1", port: 1,
        tls: TLSSettings(certificatePath: "", keyPath: "", authorityPath: "", trustDomain: "x"))
    }
  }

  @Test("without a trust domain the server's certificate must name the host")
  func hostNames() async throws {
    try await TestAuthority.with { folder in
      let server = RPCServer(
        services: [echo()],
        tls: TLSSettings(
          certificatePath: "\(folder)/nobody.pem", keyPath: "\(folder)/nobody.key"))
      let port = try await server.start(port: 0)
      func ask(_ host: String, as name: String? = nil) async throws {
        var settings = ChannelSettings()
        settings.serverName = name
        let channel = try ClientChannel(
          host: host, port: port, tls: TLSSettings(authorityPath: "\(folder)/ca.pem"),
          settings: settings)
        let isGood = host == "localhost" ? name == nil : name == "localhost"
        let patience = Duration.milliseconds(isGood ? 10_000 : 400)
        let error = await refusal {
          try await EchoClient(channel).unary(
            EchoRequest(), options: CallOptions(timeout: patience))
        }
        #expect(
          error?.reason == (isGood ? nil : RPCError.noConnection),
          "\(host) as \(name ?? "itself")")
        await channel.close(grace: .zero)
      }
      try await ask("localhost")
      try await ask("127.0.0.1", as: "localhost")
      try await ask("127.0.0.1")
      try await ask("localhost", as: "elsewhere.example")
      await server.shutdownGracefully()
    }
  }
}
