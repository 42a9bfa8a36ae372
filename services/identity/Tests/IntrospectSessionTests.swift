import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct IntrospectSessionTests {
  private func introspect(_ identity: TestIdentity, _ token: String) async throws -> Session {
    try await identity.client.introspectSession(IntrospectSessionRequest(sessionToken: token))
  }

  @Test("whom a token stands for", arguments: Depth.allCases)
  func found(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      _ = try await identity.active("ada@example.org")
      let opened = try await identity.signIn("ada@example.org")
      let session = try await introspect(identity, opened.sessionToken)
      #expect(session == opened.session)
    }
  }

  @Test("a session that is not used ends; use keeps it until its end")
  func idle() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let token = try await identity.signIn("ada@example.org").sessionToken
      for _ in 0..<25 {
        identity.clock.advance(55 * 60)
        _ = try await introspect(identity, token)
      }
      identity.clock.advance(61 * 60)
      let late = await refusal { try await introspect(identity, token) }
      #expect(late?.reason == "SESSION_INVALID")
      let second = try await identity.signIn("ada@example.org").sessionToken
      for _ in 0..<30 {
        identity.clock.advance(45 * 60)
        _ = try await introspect(identity, second)
      }
      identity.clock.advance(50 * 60)
      _ = try await introspect(identity, second)
      identity.clock.advance(50 * 60)
      let over = await refusal { try await introspect(identity, second) }
      #expect(over?.reason == "SESSION_INVALID")
    }
  }

  @Test("what is no token is refused without asking the database")
  func malformed() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let token = try await identity.signIn("ada@example.org").sessionToken
      let spoilt = String(token.dropLast()) + "!"
      for text in ["", "clientele_s_", spoilt, token + "A", token.uppercased()] {
        let refused = await refusal { try await introspect(identity, text) }
        #expect(refused?.reason == "SESSION_INVALID")
        #expect(refused?.code == .unauthenticated)
      }
      // The checksum tells a mistyped one.
      #expect(SessionToken(token) != nil)
      let index = token.index(token.startIndex, offsetBy: 20)
      var mistyped = token
      mistyped.replaceSubrange(index...index, with: token[index] == "A" ? "B" : "A")
      #expect(SessionToken(mistyped) == nil)
      let stranger = SessionToken(.system).text
      let refused = await refusal { try await introspect(identity, stranger) }
      #expect(refused?.reason == "SESSION_INVALID")
    }
  }
}
