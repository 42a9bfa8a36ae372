import Foundation
import Testing

/// A call repeated under one key happens once.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RetryTests {
  @Test("CreateClient repeated, one after the other and all at once, makes one of everything")
  func createClient() async throws {
    try await withStack { stack in
      let practice = try await Practice.signedIn(stack)
      let email = "again@clients.example"
      let key = UUID()
      let first = try await practice.createClient(email: email, family: "Again", key: key)
      let id = try #require(first["clientId"] as? String)
      for _ in 1...3 {
        let again = try await practice.createClient(email: email, family: "Again", key: key)
        #expect(again["clientId"] as? String == id)
      }
      let rush = UUID()
      let ids = try await withThrowingTaskGroup(of: String?.self) { group in
        for _ in 1...8 {
          group.addTask {
            try await practice.createClient(
              email: "rush@clients.example", family: "Rush", key: rush)["clientId"] as? String
          }
        }
        return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
      for email in [email, "rush@clients.example"] {
        try await wait("the mail to \(email) is there", within: .seconds(20)) {
          !stack.mails(to: email).isEmpty
        }
      }
      // Long enough for a second one.
      try await Task.sleep(for: .seconds(3))
      for (email, family) in [(email, "Again"), ("rush@clients.example", "Rush")] {
        #expect(stack.mails(to: email).count == 1)
        #expect(
          try await stack.sql(
            "select count(*) from client_directory.clients where family_name = '\(family)'")
            == ["1"])
        #expect(
          try await stack.sql("select count(*) from identity.invitations where email = '\(email)'")
            == ["1"])
        #expect(
          try await stack.sql(
            "select count(*) from messaging.messages where recipient = '\(email)'") == ["1"])
      }
    }
  }

  @Test("the same key for other parameters is refused")
  func reused() async throws {
    try await withStack { stack in
      let practice = try await Practice.signedIn(stack)
      let key = UUID()
      _ = try await practice.createClient(email: "one@clients.example", family: "One", key: key)
      do {
        _ = try await practice.createClient(email: "two@clients.example", family: "Two", key: key)
        Issue.record("a key was taken twice")
      } catch let refusal as Console.Refusal {
        #expect(refusal.body.contains("REQUEST_ID_REUSED"))
      }
    }
  }
}
