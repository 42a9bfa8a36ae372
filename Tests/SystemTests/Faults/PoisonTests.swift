import Foundation
import TestKit
import Testing

/// A mail over which every worker dies, in processes that really do (R12).
@Suite(.serialized, .timeLimit(.minutes(10))) struct PoisonTests {
  private static let poison = "poison@clients.example"

  @Test("it is given up after three deaths, an operator is told, and all other mails are sent")
  func deaths() async throws {
    try await withStack(environment: [
      "CLIENTELE_CRASH_AT": "messaging.send.after-claim", "CLIENTELE_CRASH_ABOUT": Self.poison,
      "CLIENTELE_MAIL_LEASE_SECONDS": "2",
    ]) { stack in
      let practice = try await Practice.signedIn(stack)
      let before = try stack.processes()
      _ = try await practice.createClient(email: Self.poison, family: "Poison")
      for number in 0..<20 {
        _ = try await practice.createClient(
          email: "op\(number)@clients.example", family: "Op\(number)")
      }
      try await wait("all but one are sent, and that one is given up", within: .seconds(120)) {
        try await stack.sql(
          """
          select state, count(*) from messaging.messages
          where recipient = '\(Self.poison)' or recipient like 'op%'
          group by state order by state
          """) == ["FAILED|1", "SENT|20"]
      }
      #expect(
        try await stack.sql("select abandoned, attempt from messaging.dead_jobs") == ["3|4"])
      #expect(
        try await stack.sql("select kind from messaging.alerts where kind = 'job.dead'")
          == ["job.dead"])
      #expect(stack.mails(to: Self.poison).isEmpty)
      for number in 0..<20 {
        #expect(!stack.mails(to: "op\(number)@clients.example").isEmpty, "\(number)")
      }
      try await wait("messaging is back", within: .seconds(30)) {
        let after = try stack.processes()
        return after.count == before.count && after.keys.allSatisfy { stack.isReady($0) }
      }
      // Nobody else noticed.
      let after = try stack.processes()
      for (name, id) in before where !name.hasPrefix("messaging") {
        #expect(after[name] == id, "\(name)")
      }
      #expect(before.contains { $0.key.hasPrefix("messaging") && after[$0.key] != $0.value })
    }
  }
}
