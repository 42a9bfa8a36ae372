import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import IdentityCore

@Suite struct IssueContextTokenTests {
  private func issue(
    _ identity: TestIdentity, _ token: String, organization: String = "", hat: Hat = .unspecified
  ) async throws -> Caller {
    let answer = try await identity.client.issueContextToken(
      IssueContextTokenRequest(sessionToken: token, organizationID: organization, hat: hat))
    let claims = try #require(
      TestIssuer.verifier.verify(answer.contextToken, at: identity.clock.now))
    #expect(claims.expireTime == answer.expireTime)
    return try #require(Caller(claims))
  }

  @Test("what services may believe for a minute", arguments: Depth.allCases)
  func issued(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let organization = TestIdentity.id()
      let account = try await identity.active("pro@example.org", organization: organization)
      let staff = try await identity.staff(account, organization: organization)
      let opened = try await identity.signIn("pro@example.org")
      let none = try await issue(identity, opened.sessionToken)
      #expect(none.organizationID == nil)
      #expect(none.accountID.text == account.accountID)
      #expect(none.sessionID.text == opened.session?.sessionID)
      #expect(none.signedInAt == PostgresTimestamp(identity.clock.now).date)
      // Staff comes first when both hats are worn.
      let worn = try await issue(identity, opened.sessionToken, organization: organization)
      #expect(worn.hat == .staff)
      #expect(worn.profile == .superAdmin)
      #expect(worn.permissions == ["clients.create"])
      #expect(worn.branchIDs.map(\.text) == staff.branchIDs)
      #expect(worn.employeeID?.text == staff.recordID)
      #expect(worn.clientID == nil)
      let client = try await issue(
        identity, opened.sessionToken, organization: organization, hat: .client)
      #expect(client.hat == .client)
      #expect(client.clientID != nil)
      #expect(client.permissions.isEmpty)
    }
  }

  @Test("a token is over after a minute, give or take what clocks differ")
  func life() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let opened = try await identity.signIn("ada@example.org")
      let answer = try await identity.client.issueContextToken(
        IssueContextTokenRequest(sessionToken: opened.sessionToken))
      let soon = identity.clock.now.addingTimeInterval(55)
      let late = identity.clock.now.addingTimeInterval(70)
      #expect(TestIssuer.verifier.verify(answer.contextToken, at: soon) != nil)
      #expect(TestIssuer.verifier.verify(answer.contextToken, at: late) == nil)
    }
  }

  @Test("a token tells when its person signed in, and using a session makes that no later")
  func signIn() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let moment = PostgresTimestamp(identity.clock.now).date
      let token = try await identity.signIn("ada@example.org").sessionToken
      for _ in 1...3 {
        identity.clock.advance(400)
        #expect(try await issue(identity, token).signedInAt == moment)
      }
      let again = try await identity.signIn("ada@example.org").sessionToken
      let later = PostgresTimestamp(identity.clock.now).date
      #expect(try await issue(identity, again).signedInAt == later)
      #expect(try await issue(identity, token).signedInAt == moment)
    }
  }

  @Test("an organisation the account does not belong to, or no longer, is not found")
  func foreign() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.active("pro@example.org")
      _ = try await identity.staff(account, organization: organization)
      let token = try await identity.signIn("pro@example.org").sessionToken
      _ = try await issue(identity, token, organization: organization)
      _ = try await identity.staff(
        account, organization: organization, version: 2, active: false)
      for id in [organization, TestIdentity.id()] {
        let refused = await refusal { try await issue(identity, token, organization: id) }
        #expect(refused?.reason == "ORGANIZATION_NOT_FOUND")
        #expect(refused?.code == .notFound)
      }
      let malformed = await refusal { try await issue(identity, token, organization: "x") }
      #expect(malformed?.violations.map(\.field) == ["organization_id"])
      let session = await refusal { try await issue(identity, "x") }
      #expect(session?.reason == "SESSION_INVALID")
    }
  }
}
