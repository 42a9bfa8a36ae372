import Foundation
import TestKit
import Testing

/// A server under every attack there is, briefly: it stays, serves others, and forgets its
/// attackers. `make abuse` takes longer and measures.
@Suite(.serialized, .timeLimit(.minutes(10))) struct AbuseTests {
  @Test("no attack on HTTP/2 ends the server, fills it or keeps others from being served")
  func attacks() async throws {
    let run = try await Self.run([])
    #expect(run.status == 0, "\(run.output)")
    // A list that shrank unnoticed would pass as well.
    for attack in [
      "rapid_reset", "hpack_bomb", "comma_bomb", "zero_window", "idle_connections", "wrong_frames",
    ] {
      #expect(run.output.contains("\n\(attack) "), "\(attack) was not made")
    }
  }

  @Test("nor does one on the handshakes of TLS")
  func handshakes() async throws {
    _ = try await TestPKI.tls("identity")
    let own = Checkout.root.appending(path: ".run/test-pki/pki/identity").path
    let run = try await Self.run(["--certificate", "\(own).pem", "--key", "\(own).key"])
    #expect(run.status == 0, "\(run.output)")
    #expect(run.output.contains("\nhalf_handshakes "))
  }

  private static func run(_ more: [String]) async throws -> (status: Int32, output: String) {
    let named = ProcessInfo.processInfo.environment["CLIENTELE_PYTHON"]
    let python = named ?? Checkout.root.appending(path: ".venv/bin/python").path
    let script = Checkout.root.appending(path: "Tests/SystemTests/abuse/run.py").path
    return try await Program.run(
      python, [script] + more + [try Stack.program("echo-server").path])
  }
}
