import Foundation
import TestKit
import Testing

/// A server under every attack there is, briefly: it stays, serves others, and forgets its
/// attackers. `make abuse` takes longer and measures.
@Suite(.serialized, .timeLimit(.minutes(10))) struct AbuseTests {
  @Test("no attack on HTTP/2 ends the server, fills it or keeps others from being served")
  func attacks() async throws {
    let named = ProcessInfo.processInfo.environment["CLIENTELE_PYTHON"]
    let python = named ?? Checkout.root.appending(path: ".venv/bin/python").path
    let run = try await Program.run(
      python,
      [
        Checkout.root.appending(path: "Tests/SystemTests/abuse/run.py").path,
        try Stack.program("echo-server").path,
      ])
    #expect(run.status == 0, "\(run.output)")
    // A list that shrank unnoticed would pass as well.
    for attack in ["rapid_reset", "hpack_bomb", "zero_window", "idle_connections", "wrong_frames"] {
      #expect(run.output.contains("\n\(attack) "), "\(attack) was not made")
    }
  }
}
