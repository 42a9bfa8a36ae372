import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct MintInvitationLinkTests {
  private func mint(
    _ identity: TestIdentity, _ invitation: Invitation, sending: Int32, organization: String? = nil
  ) async throws -> String {
    try await identity.client.mintInvitationLink(
      MintInvitationLinkRequest(
        organizationID: organization ?? invitation.organizationID,
        invitationID: invitation.invitationID, sendCount: sending)
    ).token
  }

  @Test("the same sending has the same link; nothing is stored", arguments: Depth.allCases)
  func same(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let invitation = try await identity.invite(try await identity.pending("ada@example.org"))
      let token = try await mint(identity, invitation, sending: 1)
      #expect(try await mint(identity, invitation, sending: 1) == token)
      #expect(token.utf8.count < 100)
      let link = try #require(identity.links.link(token))
      #expect(link.invitationID.uuidString.lowercased() == invitation.invitationID)
      #expect(link.organizationID.uuidString.lowercased() == invitation.organizationID)
      #expect(link.sendCount == 1)
    }
  }

  @Test("a tampered or foreign token stands for nothing")
  func tampered() {
    let keys = InvitationKeys(current: [UInt8](repeating: 1, count: 32))
    let former = InvitationKeys(
      current: [UInt8](repeating: 2, count: 32), former: [[UInt8](repeating: 1, count: 32)])
    let foreign = InvitationKeys(current: [UInt8](repeating: 3, count: 32))
    let link = InvitationLink(organizationID: UUID(), invitationID: UUID(), sendCount: 70_000)
    let token = keys.token(for: link)
    #expect(keys.link(token) == link)
    #expect(former.link(token) == link)
    #expect(foreign.link(token) == nil)
    for index in token.indices {
      var other = token
      other.replaceSubrange(index...index, with: token[index] == "A" ? "B" : "A")
      #expect(keys.link(other) == nil)
    }
    for text in ["", "A", token + "A", token + "=", String(repeating: "A", count: 100_000)] {
      #expect(keys.link(text) == nil)
    }
  }

  @Test("no link for a former sending, an answered invitation or another organisation")
  func refused() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("ada@example.org")
      let invitation = try await identity.invite(account)
      identity.clock.advance(61)
      _ = try await identity.client.resendInvitation(
        ResendInvitationRequest(
          requestID: TestIdentity.id(), organizationID: invitation.organizationID,
          recordID: invitation.recordID))
      let old = await refusal { try await mint(identity, invitation, sending: 1) }
      #expect(old?.reason == "INVITATION_SUPERSEDED")
      let future = await refusal { try await mint(identity, invitation, sending: 3) }
      #expect(future?.reason == "INVITATION_NOT_FOUND")
      let foreign = await refusal {
        try await mint(identity, invitation, sending: 2, organization: TestIdentity.id())
      }
      #expect(foreign?.reason == "INVITATION_NOT_FOUND")
      _ = try await identity.accept(try await mint(identity, invitation, sending: 2))
      let answered = await refusal { try await mint(identity, invitation, sending: 2) }
      #expect(answered?.reason == "INVITATION_ACCEPTED")
      let fields = await refusal {
        try await identity.client.mintInvitationLink(MintInvitationLinkRequest())
      }
      #expect(fields?.violations.count == 3)
    }
  }
}
