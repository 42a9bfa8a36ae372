import Foundation
import TestKit
import Testing

/// Other people's implementations against the running services.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ForeignPeerTests {
  @Test("a stock gRPC client calls every service, and a hostile one disturbs none")
  func peers() async throws {
    try await withStack { stack in
      let certificate = [
        "--ca", stack.directory.appending(path: "ca.pem").path,
        "--cert", stack.directory.appending(path: "dev-client.pem").path,
        "--key", stack.directory.appending(path: "dev-client.key").path,
      ]
      let services = ["identity", "organization", "client-directory", "messaging"]
      let addresses = services.map { "\($0)=\(stack.address(of: $0))" }
      let client = try await Self.python("foreign_client.py", certificate + addresses)
      #expect(client.status == 0, "\(client.output)")
      #expect(client.output.contains("ok      every service answers"))
      let pids = stack.directory.appending(path: "pids").path
      let attacker = try await Self.python(
        "hostile_peer.py", certificate + ["--pids", pids] + addresses)
      #expect(attacker.status == 0, "\(attacker.output)")
      for service in services {
        #expect(attacker.output.contains("ok      \(service): huge_length"))
      }
    }
  }

  private static func python(
    _ script: String, _ arguments: [String]
  ) async throws -> (status: Int32, output: String) {
    let named = ProcessInfo.processInfo.environment["CLIENTELE_PYTHON"]
    let python = named ?? Checkout.root.appending(path: ".venv/bin/python").path
    return try await Program.run(
      python, [Checkout.root.appending(path: "Tests/SystemTests/\(script)").path] + arguments)
  }
}
