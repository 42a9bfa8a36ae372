import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct GetMeTests {
  @Test("account, sign-in names and memberships", arguments: Depth.allCases)
  func me(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let account = try await identity.active("ada@example.org")
      let session = try #require(try await identity.signIn("ada@example.org").session)
      let me = try await identity.client.getMe(
        GetMeRequest(), options: try identity.options(session))
      #expect(me.account?.accountID == account.accountID)
      #expect(me.account?.state == .active)
      #expect(me.account?.loginEmail == "ada@example.org")
      #expect(me.memberships == session.memberships)
    }
  }

  @Test("nobody in particular is nobody")
  func nobody() async throws {
    try await withIdentity { identity in
      let refused = await refusal { try await identity.client.getMe(GetMeRequest()) }
      #expect(refused?.reason == "CONTEXT_MISSING")
    }
  }
}
