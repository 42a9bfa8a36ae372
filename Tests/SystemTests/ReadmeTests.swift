import Foundation
import TestKit
import Testing

/// The README's own words, run as a newcomer would copy them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ReadmeTests {
  @Test("the session with curl does the whole job")
  func session() async throws {
    let blocks = try Self.blocks()
    #expect(blocks.count >= 6)
    try await withStack { stack in
      var script = blocks.enumerated()
        .map { "echo '### \($0)'\n\($1)\necho" }.joined(separator: "\n")
      script.replace("http://127.0.0.1:8080", with: stack.url.absoluteString)
      script.replace(".run/outbox", with: stack.outbox.path)
      script.replace("/tmp/clientele-", with: stack.directory.appending(path: "readme-").path)
      let file = stack.directory.appending(path: "readme.sh")
      try Data("set -eu\n\(script)\n".utf8).write(to: file)
      let run = try await Program.run("/bin/bash", [file.path])
      #expect(run.status == 0, "\(run.output)")
      let answers = run.output.components(separatedBy: "### ")
      func answer(_ number: Int) -> String { answers.count > number + 1 ? answers[number + 1] : "" }
      #expect(answer(1).contains("\"accessState\":\"ACCESS_STATE_INVITED\""), "\(run.output)")
      #expect(answer(2).contains("#token=3D"))
      #expect(answer(3).contains("\"maskedEmail\""))
      #expect(answer(3).contains("\"loginEmail\""))
      #expect(answer(4).components(separatedBy: "\"sessionToken\"").count == 3)
      #expect(answer(5).contains("NO_EMAIL_NOT_CONFIRMED"))
      #expect(answer(5).contains("\"accessState\":\"ACCESS_STATE_NO_LOGIN\""))
      #expect(answer(6).contains("\"accessState\":\"ACCESS_STATE_INVITABLE\""))
      #expect(answer(6).contains("\"sendCount\":1"))
      #expect(answer(6).contains("\"accessState\":\"ACCESS_STATE_INVITED\""))
      #expect(answer(7).contains("\"messages\""))
      #expect(!answer(7).contains("\"error\""))
    }
  }

  /// The fenced blocks marked as parts of the session, in order.
  private static func blocks() throws -> [String] {
    let text = try String(contentsOf: Checkout.root.appending(path: "README.md"), encoding: .utf8)
    return text.components(separatedBy: "```bash session\n").dropFirst().compactMap {
      $0.components(separatedBy: "```").first
    }
  }
}
