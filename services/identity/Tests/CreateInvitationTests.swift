import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import TestKit
import Testing

@testable import IdentityCore

@Suite struct CreateInvitationTests {
  @Test("an invitation, with its news for messaging", arguments: Depth.allCases)
  func created(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let account = try await identity.pending("ada@example.org")
      let invitation = try await identity.invite(account)
      #expect(invitation.state == .pending)
      #expect(invitation.sendCount == 1)
      #expect(invitation.email == "ada@example.org")
      let expires = try #require(invitation.expireTime).date
      #expect(abs(expires.timeIntervalSince(identity.clock.now) - 7 * 24 * 3600) < 1)
      #expect(try await identity.news() == ["invitation.created"])
      let payload = try await identity.database.sql(
        "select encode(payload, 'hex') from identity.events")
      let news = try InvitationIssued(serialized: Self.bytes(payload))
      #expect(news.invitation == invitation)
      #expect(news.username == account.username)
      #expect(news.emailSignsIn)
      #expect(news.organizationName == "Studio Nord")
      #expect(news.language == "fr-CA")
    }
  }

  private static func bytes(_ rows: [[String?]]) -> [UInt8] {
    let text = Array(rows.first?.first.flatMap { $0 } ?? "")
    return stride(from: 0, to: text.count - 1, by: 2).compactMap {
      UInt8(String(text[$0...($0 + 1)]), radix: 16)
    }
  }

  @Test("a repeat, and a second call for the same record, make one invitation and one mail")
  func once() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("ada@example.org")
      let organization = TestIdentity.id(), record = TestIdentity.id(), request = TestIdentity.id()
      let first = try await identity.invite(
        account, organization: organization, record: record, request: request)
      let again = try await identity.invite(
        account, organization: organization, record: record, request: request)
      let other = try await identity.invite(account, organization: organization, record: record)
      #expect(first == again)
      #expect(first == other)
      #expect(try await identity.news() == ["invitation.created"])
      #expect(try await identity.database.count("invitation_sends") == 1)
    }
  }

  @Test("calls at once for one record make one invitation")
  func raced() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("ada@example.org")
      let organization = TestIdentity.id(), record = TestIdentity.id()
      let ids = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<2 {
          group.addTask {
            try await identity.invite(account, organization: organization, record: record)
              .invitationID
          }
        }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
      #expect(try await identity.news() == ["invitation.created"])
    }
  }

  @Test("another address takes the earlier invitation back")
  func replaced() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending()
      let organization = TestIdentity.id(), record = TestIdentity.id()
      let first = try await identity.invite(
        account, email: "a@example.org", organization: organization, record: record)
      let token = try await identity.token(first)
      let second = try await identity.invite(
        account, email: "b@example.org", organization: organization, record: record)
      #expect(first.invitationID != second.invitationID)
      let refused = await refusal { try await identity.accept(token) }
      #expect(refused?.reason == "INVITATION_REVOKED")
    }
  }

  @Test("an account that reserved an address is invited nowhere else")
  func elsewhere() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("victim@example.org")
      let refused = await refusal {
        try await identity.invite(account, email: "attacker@example.org")
      }
      #expect(refused?.reason == "INVITATION_ADDRESS_DIFFERS")
      let username = try await identity.pending()
      let invited = try await identity.invite(username, email: "shared@example.org")
      #expect(invited.email == "shared@example.org")
    }
  }

  @Test("bad fields and unknown accounts are refused")
  func invalid() async throws {
    try await withIdentity { identity in
      let fields = await refusal {
        try await identity.client.createInvitation(CreateInvitationRequest())
      }
      #expect(fields?.violations.count == 7)
      let unknown = await refusal {
        try await identity.invite(
          Account(accountID: TestIdentity.id()), email: "a@example.org")
      }
      #expect(unknown?.reason == "ACCOUNT_NOT_FOUND")
      let email = await refusal {
        try await identity.invite(try await identity.pending(), email: "nowhere")
      }
      #expect(email?.reason == "EMAIL_INVALID")
    }
  }
}
