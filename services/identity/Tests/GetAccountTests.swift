import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct GetAccountTests {
  @Test("an account by its id", arguments: Depth.allCases)
  func found(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let made = try await identity.pending("ada@example.org")
      let read = try await identity.client.getAccount(
        GetAccountRequest(accountID: made.accountID))
      #expect(read.username == made.username)
      #expect(read.loginEmail == made.loginEmail)
      let missing = await refusal {
        try await identity.client.getAccount(GetAccountRequest(accountID: TestIdentity.id()))
      }
      #expect(missing?.reason == "ACCOUNT_NOT_FOUND")
      let malformed = await refusal {
        try await identity.client.getAccount(GetAccountRequest(accountID: "1"))
      }
      #expect(malformed?.violations.map(\.field) == ["account_id"])
    }
  }

  @Test("the gateway may not ask")
  func access() async throws {
    try await withIdentity(as: "gateway") { identity in
      let refused = await refusal {
        try await identity.client.getAccount(GetAccountRequest(accountID: TestIdentity.id()))
      }
      #expect(refused?.reason == "PEER_NOT_ALLOWED")
    }
  }
}
