import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct PutMembershipTests {
  @Test("a hat is stored, changed by a newer version, announced", arguments: Depth.allCases)
  func stored(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let account = try await identity.active("pro@example.org")
      let organization = TestIdentity.id()
      let first = try await identity.staff(account, organization: organization)
      #expect(first.profile == .superAdmin)
      let second = try await identity.staff(
        account, organization: organization, version: 2, profile: .readOnly)
      #expect(second.profile == .readOnly)
      let session = try await identity.signIn("pro@example.org").session
      let worn = session?.memberships.first { $0.organizationID == organization }
      #expect(worn == second)
      #expect(try await identity.news().suffix(2) == ["membership.changed", "membership.changed"])
    }
  }

  @Test("an older version never undoes a newer one")
  func stale() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("pro@example.org")
      let organization = TestIdentity.id()
      _ = try await identity.staff(account, organization: organization, version: 5)
      for version: Int64 in [4, 5] {
        let refused = await refusal {
          try await identity.staff(account, organization: organization, version: version)
        }
        #expect(refused?.reason == "STALE_VERSION")
        #expect(refused?.code == .aborted)
      }
    }
  }

  @Test("a repeat is answered alike, even when a newer version came between")
  func repeated() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("pro@example.org")
      let organization = TestIdentity.id(), record = TestIdentity.id()
      let request = PutMembershipRequest(
        requestID: TestIdentity.id(),
        membership: Membership(
          accountID: account.accountID, organizationID: organization, hat: .staff,
          profile: .manager, recordID: record, active: true, version: 1,
          organizationName: "Studio Nord"))
      let first = try await identity.client.putMembership(request)
      _ = try await identity.staff(account, organization: organization, version: 2)
      #expect(try await identity.client.putMembership(request) == first)
    }
  }

  @Test("an ended membership is not listed")
  func ended() async throws {
    try await withIdentity { identity in
      let account = try await identity.active("pro@example.org")
      let organization = TestIdentity.id()
      _ = try await identity.staff(account, organization: organization)
      _ = try await identity.staff(
        account, organization: organization, version: 2, active: false)
      let session = try await identity.signIn("pro@example.org").session
      #expect(session?.memberships.contains { $0.organizationID == organization } == false)
    }
  }

  @Test("a hat for nobody, and hats that make no sense, are refused")
  func invalid() async throws {
    try await withIdentity { identity in
      let unknown = await refusal {
        try await identity.staff(
          Account(accountID: TestIdentity.id()), organization: TestIdentity.id())
      }
      #expect(unknown?.reason == "ACCOUNT_NOT_FOUND")
      let account = try await identity.pending()
      let profile = await refusal {
        try await identity.staff(
          account, organization: TestIdentity.id(), profile: .unspecified)
      }
      #expect(profile?.violations.map(\.field) == ["membership.profile"])
      for version: Int64 in [0, 1 << 53 + 1, .max] {
        let outside = await refusal {
          try await identity.staff(account, organization: TestIdentity.id(), version: version)
        }
        #expect(outside?.code == .invalidArgument)
        #expect(outside?.violations.map(\.field) == ["membership.version"])
      }
      _ = try await identity.staff(account, organization: TestIdentity.id(), version: 1 << 53)
      let empty = await refusal {
        try await identity.client.putMembership(PutMembershipRequest())
      }
      #expect((empty?.violations.count ?? 0) >= 7)
    }
  }
}
