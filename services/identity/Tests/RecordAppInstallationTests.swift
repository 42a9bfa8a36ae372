import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct RecordAppInstallationTests {
  @Test("the first time is noted and stays", arguments: Depth.allCases)
  func first(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      _ = try await identity.active("ada@example.org")
      let session = try #require(try await identity.signIn("ada@example.org").session)
      let account = GetAccountRequest(accountID: session.accountID)
      #expect(try await identity.client.getAccount(account).appSeenTime == nil)
      var seen: [Timestamp?] = []
      for _ in 1...2 {
        _ = try await identity.client.recordAppInstallation(
          RecordAppInstallationRequest(), options: try identity.options(session))
        seen.append(try await identity.client.getAccount(account).appSeenTime)
        identity.clock.advance(60)
      }
      #expect(seen[0] != nil && seen[0] == seen[1])
    }
  }

  @Test("nobody in particular has no app")
  func nobody() async throws {
    try await withIdentity { identity in
      let refused = await refusal {
        try await identity.client.recordAppInstallation(RecordAppInstallationRequest())
      }
      #expect(refused?.reason == "CONTEXT_MISSING")
    }
  }
}
