import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct ResendInvitationTests {
  private func resend(
    _ identity: TestIdentity, _ invitation: Invitation, email: String = "",
    request: String = TestIdentity.id()
  ) async throws -> Invitation {
    try await identity.client.resendInvitation(
      ResendInvitationRequest(
        requestID: request, organizationID: invitation.organizationID,
        recordID: invitation.recordID, email: email))
  }

  @Test("a resend has a new link, and the older one opens no more", arguments: Depth.allCases)
  func superseded(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let account = try await identity.pending("ada@example.org")
      let first = try await identity.invite(account)
      let old = try await identity.token(first)
      identity.clock.advance(61)
      let second = try await resend(identity, first)
      #expect(second.invitationID == first.invitationID)
      #expect(second.sendCount == 2)
      let refused = await refusal {
        try await identity.client.lookupInvitation(LookupInvitationRequest(token: old))
      }
      #expect(refused?.reason == "INVITATION_SUPERSEDED")
      #expect(refused?.resolutions.isEmpty == false)
      _ = try await identity.accept(try await identity.token(second))
      #expect(try await identity.news().prefix(2) == ["invitation.created", "invitation.resent"])
    }
  }

  @Test("not within 60 s, and five times a day")
  func quota() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("ada@example.org")
      let invitation = try await identity.invite(account)
      identity.clock.advance(20)
      let early = await refusal { try await resend(identity, invitation) }
      #expect(early?.reason == "QUOTA")
      #expect(early?.errorInfoMetadata["retry_after_seconds"] == "40")
      for _ in 0..<5 {
        identity.clock.advance(61)
        _ = try await resend(identity, invitation)
      }
      identity.clock.advance(61)
      let often = await refusal { try await resend(identity, invitation) }
      #expect(often?.reason == "QUOTA")
      let wait = try #require(Double(often?.errorInfoMetadata["retry_after_seconds"] ?? ""))
      identity.clock.advance(wait)
      _ = try await resend(identity, invitation)
    }
  }

  @Test("a repeat sends once")
  func repeated() async throws {
    try await withIdentity { identity in
      let invitation = try await identity.invite(try await identity.pending("ada@example.org"))
      identity.clock.advance(61)
      let request = TestIdentity.id()
      let first = try await resend(identity, invitation, request: request)
      let again = try await resend(identity, invitation, request: request)
      #expect(first == again)
      #expect(try await identity.database.count("invitation_sends") == 2)
    }
  }

  @Test("two resends at once: one mail")
  func raced() async throws {
    try await withIdentity { identity in
      let invitation = try await identity.invite(try await identity.pending("ada@example.org"))
      identity.clock.advance(61)
      let sent = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<4 {
          group.addTask { (try? await resend(identity, invitation)) != nil }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(sent == 1)
      #expect(try await identity.news() == ["invitation.created", "invitation.resent"])
    }
  }

  @Test("an expired invitation lives again; an accepted or unknown one is refused")
  func states() async throws {
    try await withIdentity { identity in
      let invitation = try await identity.invite(try await identity.pending("ada@example.org"))
      identity.clock.advance(8 * 24 * 3600)
      let again = try await resend(identity, invitation)
      #expect(again.state == .pending)
      _ = try await identity.accept(try await identity.token(again))
      identity.clock.advance(61)
      let accepted = await refusal { try await resend(identity, invitation) }
      #expect(accepted?.reason == "INVITATION_ACCEPTED")
      let unknown = await refusal {
        try await resend(
          identity,
          Invitation(organizationID: invitation.organizationID, recordID: TestIdentity.id()))
      }
      #expect(unknown?.reason == "INVITATION_NOT_FOUND")
      let foreign = await refusal {
        try await resend(
          identity,
          Invitation(organizationID: TestIdentity.id(), recordID: invitation.recordID))
      }
      #expect(foreign?.reason == "INVITATION_NOT_FOUND")
    }
  }
}
