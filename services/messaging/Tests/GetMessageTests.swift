import CommonAPI
import Foundation
import GRPC
import MessagingAPI
import ServiceKit
import TestKit
import Testing

@testable import MessagingCore

@Suite struct GetMessageTests {
  private func request(
    _ message: String, of organization: UUID = .sampleOrganization
  ) -> GetMessageRequest {
    GetMessageRequest(organizationID: organization.text, messageID: message)
  }

  @Test("a message says what it is, to whom, and what became of it", arguments: Depth.allCases)
  func answer(depth: Depth) async throws {
    try await withStage { stage in
      let record = UUIDv7.make()
      try await stage.apply(.sample(record: record, language: "fr"))
      let id = try #require(try await stage.column("message_id").first)
      try await stage.serving(at: depth) { messaging in
        let queued = try await messaging.getMessage(
          request(id), options: try TestIssuer.options(.reader))
        #expect(queued.state == .queued)
        #expect(queued.sendTime == nil)
        try await stage.delivery().drain()
        let message = try await messaging.getMessage(
          request(id), options: try TestIssuer.options(.reader))
        #expect(message.messageID == id)
        #expect(message.organizationID == UUID.sampleOrganization.text)
        #expect(message.channel == .email)
        #expect(message.purpose == .clientInvitation)
        #expect(message.recipient == "ada@example.org")
        #expect(message.language == "fr")
        #expect(message.subject == "Centre Démo vous invite à activer votre compte client")
        #expect(message.state == .sent)
        #expect(message.attempts == 1)
        #expect(message.lastError.isEmpty)
        #expect(message.recordID == record.text)
        #expect(message.createTime != nil && message.sendTime != nil)
      }
    }
  }

  @Test("without messages.read only messages about clients the caller may see")
  func visibility() async throws {
    try await withStage { stage in
      let (seen, unseen) = (UUIDv7.make(), UUIDv7.make())
      try await stage.apply(.sample(sendCount: 1, record: seen))
      try await stage.apply(.sample(sendCount: 2, record: unseen))
      let ids = try await stage.column("message_id")
      try await stage.serving(at: .inProcess, showing: [seen]) { messaging in
        let employee = try TestIssuer.options(.staff())
        let message = try await messaging.getMessage(request(ids[0]), options: employee)
        #expect(message.recordID == seen.text)
        #expect(
          await reason { _ = try await messaging.getMessage(request(ids[1]), options: employee) }
            == "MESSAGE_NOT_FOUND")
      }
    }
  }

  @Test("refusals by their reasons", arguments: Depth.allCases)
  func refusals(depth: Depth) async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      let id = try #require(try await stage.column("message_id").first)
      try await stage.serving(at: depth) { messaging in
        let reader = try TestIssuer.options(.reader)
        let unknown = UUIDv7.make().text
        #expect(
          await reason { _ = try await messaging.getMessage(request(unknown), options: reader) }
            == "MESSAGE_NOT_FOUND")
        #expect(
          await reason { _ = try await messaging.getMessage(request("x"), options: reader) }
            == "FIELDS_INVALID")
        // Another organisation's staff does not see it, whichever organisation is named.
        let other = try TestIssuer.options(.staff(of: .otherOrganization, ["messages.read"]))
        #expect(
          await reason {
            _ = try await messaging.getMessage(
              request(id, of: .otherOrganization), options: other)
          } == "MESSAGE_NOT_FOUND")
        if depth != .direct {
          #expect(
            await reason { _ = try await messaging.getMessage(request(id), options: other) }
              == "ORGANIZATION_NOT_FOUND")
          #expect(
            await reason { _ = try await messaging.getMessage(request(id)) } == "CONTEXT_MISSING")
        }
      }
    }
  }
}
