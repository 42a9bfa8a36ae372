import CommonAPI
import Foundation
import GRPC
import MessagingAPI
import ServiceKit
import TestKit
import Testing

@testable import MessagingCore

@Suite struct ListMessagesTests {
  private func request(
    size: Int32 = 0, token: String = "", record: String = "",
    of organization: UUID = .sampleOrganization
  ) -> ListMessagesRequest {
    ListMessagesRequest(
      organizationID: organization.text, pageSize: size, pageToken: token, recordID: record)
  }

  @Test("pages of every size show each message once, the newest first", arguments: Depth.allCases)
  func pages(depth: Depth) async throws {
    try await withStage { stage in
      for number in 1...7 {
        try await stage.apply(.sample(email: "\(number)@example.org"))
        // Ids are in the order of milliseconds.
        try await Task.sleep(for: .milliseconds(2))
      }
      try await stage.apply(.sample(organization: .otherOrganization, email: "other@example.org"))
      let newestFirst = (1...7).reversed().map { "\($0)@example.org" }
      try await stage.serving(at: depth) { messaging in
        for size: Int32 in [0, 1, 2, 3, 7, 500] {
          var shown: [String] = []
          var token = ""
          repeat {
            let page = try await messaging.listMessages(
              request(size: size, token: token), options: try TestIssuer.options(.reader))
            #expect(page.messages.count <= (size == 0 ? 50 : Int(size)))
            shown += page.messages.map(\.recipient)
            token = page.nextPageToken
          } while !token.isEmpty && shown.count < 20
          #expect(shown == newestFirst)
        }
      }
    }
  }

  @Test("about one client, for those who may see that client")
  func ofRecord() async throws {
    try await withStage { stage in
      let (seen, unseen) = (UUIDv7.make(), UUIDv7.make())
      try await stage.apply(.sample(email: "seen@example.org", record: seen))
      try await stage.apply(.sample(email: "unseen@example.org", record: unseen))
      try await stage.serving(at: .inProcess, showing: [seen]) { messaging in
        let employee = try TestIssuer.options(.staff())
        let page = try await messaging.listMessages(
          request(record: seen.text), options: employee)
        #expect(page.messages.map(\.recipient) == ["seen@example.org"])
        #expect(
          await reason {
            _ = try await messaging.listMessages(request(record: unseen.text), options: employee)
          } == "CLIENT_NOT_FOUND")
        #expect(
          await reason { _ = try await messaging.listMessages(request(), options: employee) }
            == "RECORD_REQUIRED")
        let reader = try TestIssuer.options(.reader)
        let all = try await messaging.listMessages(request(record: unseen.text), options: reader)
        #expect(all.messages.map(\.recipient) == ["unseen@example.org"])
      }
    }
  }

  @Test("refusals by their reasons", arguments: Depth.allCases)
  func refusals(depth: Depth) async throws {
    try await withStage { stage in
      for _ in 1...2 { try await stage.apply(.sample()) }
      try await stage.serving(at: depth) { messaging in
        let reader = try TestIssuer.options(.reader)
        func refusal(_ request: ListMessagesRequest) async -> String? {
          await reason { _ = try await messaging.listMessages(request, options: reader) }
        }
        let first = try await messaging.listMessages(request(size: 1), options: reader)
        #expect(await refusal(request(token: "nonsense")) == "PAGE_TOKEN_INVALID")
        #expect(
          await refusal(request(token: first.nextPageToken, record: UUIDv7.make().text))
            == "PAGE_TOKEN_INVALID")
        #expect(await refusal(request(size: -1)) == "FIELDS_INVALID")
        #expect(await refusal(request(size: 501)) == "FIELDS_INVALID")
        #expect(await refusal(request(record: "x")) == "FIELDS_INVALID")
        if depth != .direct {
          #expect(
            await refusal(request(of: .otherOrganization)) == "ORGANIZATION_NOT_FOUND")
          let client = Caller(
            accountID: UUIDv7.make(), organizationID: .sampleOrganization, hat: .client,
            sessionID: UUIDv7.make(), clientID: UUIDv7.make())
          let asClient = try TestIssuer.options(client)
          #expect(
            await reason { _ = try await messaging.listMessages(request(), options: asClient) }
              == "STAFF_ONLY")
        }
      }
    }
  }
}
