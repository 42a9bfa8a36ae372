import Foundation
import TestKit
import Testing

/// Mails through a real mail server that misbehaves, while messaging is killed.
@Suite(.serialized, .timeLimit(.minutes(5))) struct MailServerTests {
  @Test("every client gets a mail; a second one only where nobody could know of the first")
  func misbehaving() async throws {
    // The first six go to the demo's people.
    let script = Array(repeating: "ok", count: 6) + ["451", "drop", "ok", "452", "ok", "drop"]
    let sink = try SMTPSink(script)
    try await withStack(environment: [
      "CLIENTELE_SMTP_URL": sink.url, "CLIENTELE_MAIL_LEASE_SECONDS": "7",
      "CLIENTELE_SMTP_TIMEOUT_SECONDS": "1", "CLIENTELE_MAIL_LANES": "2",
    ]) { stack in
      let practice = try await Practice.signedIn(stack)
      let emails = (1...8).map { "post\($0)@clients.example" }
      for (number, email) in emails.enumerated() {
        _ = try await practice.createClient(email: email, family: "Post\(number)")
        if number == 4 { try await stack.crash("messaging") }
      }
      try await wait("every message is noted as sent", within: .seconds(60)) {
        let states = try await stack.sql(
          "select distinct state from messaging.messages where recipient like 'post%'")
        let mails = sink.mails
        return states == ["SENT"]
          && emails.allSatisfy { email in
            mails.contains { $0.contains("RCPT \(email)\n") }
          }
      }
      for email in emails {
        let copies = sink.mails.filter { $0.contains("RCPT \(email)\n") }
        // The same bytes, the same Message-ID: a reader's program shows one of them.
        #expect(Set(copies).count == 1)
      }
      // Two were dropped after they were taken; one kill may make one more.
      #expect(sink.mails.filter { $0.contains("RCPT post") }.count <= emails.count + 3)
      #expect(try FileManager.default.contentsOfDirectory(atPath: stack.outbox.path) == [])
    }
  }
}
