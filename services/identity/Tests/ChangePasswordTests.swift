import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct ChangePasswordTests {
  private func change(
    _ identity: TestIdentity, _ session: Session, from current: String, to new: String,
    request: String = TestIdentity.id()
  ) async throws {
    _ = try await identity.client.changePassword(
      ChangePasswordRequest(requestID: request, currentPassword: current, newPassword: new),
      options: try identity.options(session))
  }

  @Test("the new one signs in, the old one does not, other sessions end", arguments: Depth.allCases)
  func changed(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      _ = try await identity.active("ada@example.org")
      let kept = try await identity.signIn("ada@example.org")
      let ended = try await identity.signIn("ada@example.org")
      let request = TestIdentity.id()
      let session = try #require(kept.session)
      for _ in 0..<2 {
        try await change(
          identity, session, from: TestIdentity.password, to: TestIdentity.other,
          request: request)
      }
      _ = try await identity.client.introspectSession(
        IntrospectSessionRequest(sessionToken: kept.sessionToken))
      let over = await refusal {
        try await identity.client.introspectSession(
          IntrospectSessionRequest(sessionToken: ended.sessionToken))
      }
      #expect(over?.reason == "SESSION_INVALID")
      let old = await refusal { try await identity.signIn("ada@example.org") }
      #expect(old?.reason == "SIGN_IN_REFUSED")
      _ = try await identity.signIn("ada@example.org", TestIdentity.other)
      #expect(try await identity.news().filter { $0 == "session.revoked" }.count == 1)
    }
  }

  @Test("another password under the same request_id is refused; nothing stored tells one")
  func reused() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let session = try #require(try await identity.signIn("ada@example.org").session)
      let request = TestIdentity.id()
      try await change(
        identity, session, from: TestIdentity.password, to: TestIdentity.other, request: request)
      let refused = await refusal {
        try await change(
          identity, session, from: TestIdentity.password, to: "another-stone-bridge",
          request: request)
      }
      #expect(refused?.reason == "REQUEST_ID_REUSED")
      let guess = ChangePasswordRequest(
        requestID: request, currentPassword: TestIdentity.password,
        newPassword: TestIdentity.other)
      #expect(try await identity.storedHash(of: "ChangePassword") != guess.sha256)
    }
  }

  @Test("the current one must be right, the new one fit, and guesses are counted")
  func refused() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let session = try #require(try await identity.signIn("ada@example.org").session)
      let short = await refusal {
        try await change(identity, session, from: TestIdentity.password, to: "short")
      }
      #expect(short?.reason == "PASSWORD_TOO_SHORT")
      let common = await refusal {
        try await change(identity, session, from: TestIdentity.password, to: "julie.example")
      }
      #expect(common?.reason == "PASSWORD_TOO_COMMON")
      for _ in 0..<10 {
        let wrong = await refusal {
          try await change(identity, session, from: "not that one", to: TestIdentity.other)
        }
        #expect(wrong?.reason == "PASSWORD_WRONG")
      }
      // The same counter as sign-in's.
      let throttled = await refusal { try await identity.signIn("ada@example.org") }
      #expect(throttled?.reason == "SIGN_IN_THROTTLED")
    }
  }
}
