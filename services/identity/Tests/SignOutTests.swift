import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct SignOutTests {
  @Test("the session ends, and the revocation feed says so", arguments: Depth.allCases)
  func signedOut(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      _ = try await identity.active("ada@example.org")
      let ended = try await identity.signIn("ada@example.org")
      let other = try await identity.signIn("ada@example.org")
      let session = try #require(ended.session)
      _ = try await identity.client.signOut(
        SignOutRequest(), options: try identity.options(session))
      let refused = await refusal {
        try await identity.client.introspectSession(
          IntrospectSessionRequest(sessionToken: ended.sessionToken))
      }
      #expect(refused?.reason == "SESSION_INVALID")
      _ = try await identity.client.introspectSession(
        IntrospectSessionRequest(sessionToken: other.sessionToken))
      #expect(try await identity.news().last == "session.revoked")
    }
  }

  @Test("nobody in particular cannot sign out")
  func nobody() async throws {
    try await withIdentity { identity in
      let refused = await refusal { try await identity.client.signOut(SignOutRequest()) }
      #expect(refused?.reason == "CONTEXT_MISSING")
      #expect(refused?.code == .unauthenticated)
    }
  }
}
