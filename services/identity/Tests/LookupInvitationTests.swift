import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct LookupInvitationTests {
  private func look(_ identity: TestIdentity, _ token: String) async throws
    -> LookupInvitationResponse
  {
    try await identity.client.lookupInvitation(LookupInvitationRequest(token: token))
  }

  @Test("what the page shows, as often as it is opened", arguments: Depth.allCases)
  func shown(depth: Depth) async throws {
    try await withIdentity(at: depth, as: "operator") { identity in
      let account = try await identity.pending("ada@example.org", given: "Ada", family: "Byron")
      let token = try await identity.token(try await identity.invite(account))
      for _ in 0..<3 {
        let page = try await look(identity, token)
        #expect(page.organizationName == "Studio Nord")
        #expect(page.displayName == "Ada Byron")
        #expect(page.maskedEmail == "a***@example.org")
        #expect(page.username == "Ada_byron")
        #expect(page.emailSignsIn)
        #expect(!page.passwordSet)
        #expect(page.purpose == .activate)
        #expect(page.language == "fr-CA")
      }
    }
  }

  @Test("a username-only account says that the address signs nobody in (B8)")
  func usernameOnly() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending()
      let token = try await identity.token(
        try await identity.invite(account, email: "family@example.org"))
      #expect(try await look(identity, token).emailSignsIn == false)
    }
  }

  @Test("an account with a password is asked for that one")
  func passwordSet() async throws {
    try await withIdentity { identity in
      let account = try await identity.active("ada@example.org")
      let token = try await identity.token(try await identity.invite(account))
      #expect(try await look(identity, token).passwordSet)
    }
  }

  @Test("why a link does not open")
  func closed() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("ada@example.org")
      let token = try await identity.token(try await identity.invite(account))
      for nonsense in ["", "nonsense", String(token.dropLast())] {
        let refused = await refusal { try await look(identity, nonsense) }
        #expect(refused?.reason == "INVITATION_NOT_FOUND")
        #expect(refused?.code == .notFound)
      }
      identity.clock.advance(7 * 24 * 3600 + 1)
      let expired = await refusal { try await look(identity, token) }
      #expect(expired?.reason == "INVITATION_EXPIRED")
      #expect(expired?.code == .failedPrecondition)
      identity.clock.advance(-60)
      _ = try await identity.accept(token)
      let accepted = await refusal { try await look(identity, token) }
      #expect(accepted?.reason == "INVITATION_ACCEPTED")
    }
  }
}
