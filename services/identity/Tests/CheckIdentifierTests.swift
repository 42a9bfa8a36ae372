import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct CheckIdentifierTests {
  private func check(
    _ identity: TestIdentity, _ identifier: String, organization: String, account: UUID = UUID()
  ) async throws -> CheckIdentifierResponse {
    try await identity.client.checkIdentifier(
      CheckIdentifierRequest(organizationID: organization, identifier: identifier),
      options: try identity.staffOptions(organization, account: account))
  }

  @Test("each disposition", arguments: Depth.allCases)
  func dispositions(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let organization = TestIdentity.id()
      _ = try await identity.pending("reserved@example.org")
      _ = try await identity.active("known@example.org")
      let pro = try await identity.active("pro@example.org")
      _ = try await identity.staff(pro, organization: TestIdentity.id())
      for (identifier, disposition) in [
        ("free@example.org", Disposition.available), ("reserved@example.org", .available),
        ("Known@Example.org", .onPlatform), ("pro@example.org", .professional),
        ("not an address@", .invalid), ("nobody_here", .available),
      ] {
        let answer = try await check(identity, identifier, organization: organization)
        #expect(answer.disposition == disposition, "\(identifier)")
      }
      let normalized = try await check(
        identity, " Free@EXAMPLE.org ", organization: organization
      ).normalized
      #expect(normalized == "free@example.org")
      // Every question is on record.
      #expect(try await identity.database.count("email_probes") == 7)
    }
  }

  @Test("so many taken addresses are told a person in an hour, then nothing is")
  func quota() async throws {
    var limits = IdentityLimits.patient
    limits.probeHitsPerHour = 3
    limits.probeHitsPerDay = 5
    try await withIdentity(limits: limits) { identity in
      let organization = TestIdentity.id(), pro = UUID()
      _ = try await identity.active("known@example.org")
      for _ in 0..<10 {
        _ = try await check(identity, "free@example.org", organization: organization, account: pro)
      }
      for _ in 0..<3 {
        _ = try await check(identity, "known@example.org", organization: organization, account: pro)
      }
      // Refused alike, taken or not.
      for identifier in ["known@example.org", "free@example.org"] {
        let refused = await refusal {
          try await check(identity, identifier, organization: organization, account: pro)
        }
        #expect(refused?.reason == "QUOTA")
        #expect(refused?.code == .resourceExhausted)
        #expect(refused?.errorInfoMetadata["retry_after_seconds"] != nil)
      }
      // A colleague goes on until the organisation's own limit.
      for _ in 0..<2 {
        _ = try await check(identity, "known@example.org", organization: organization)
      }
      let day = await refusal {
        try await check(identity, "known@example.org", organization: organization)
      }
      #expect(day?.reason == "QUOTA")
      identity.clock.advance(25 * 3600)
      _ = try await check(identity, "known@example.org", organization: organization, account: pro)
    }
  }

  @Test("questions asked at once do not slip past the quota")
  func raced() async throws {
    var limits = IdentityLimits.patient
    limits.probeHitsPerHour = 3
    try await withIdentity(limits: limits) { identity in
      let organization = TestIdentity.id(), pro = UUID()
      _ = try await identity.active("known@example.org")
      let told = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<12 {
          group.addTask {
            (try? await check(
              identity, "known@example.org", organization: organization, account: pro)) != nil
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(told == 3)
    }
  }

  @Test("staff of another organisation, clients and strangers are refused")
  func access() async throws {
    try await withIdentity { identity in
      let foreign = await refusal {
        try await identity.client.checkIdentifier(
          CheckIdentifierRequest(organizationID: TestIdentity.id(), identifier: "a@example.org"),
          options: try identity.staffOptions(TestIdentity.id()))
      }
      #expect(foreign?.reason == "ORGANIZATION_NOT_FOUND")
      let nobody = await refusal {
        try await identity.client.checkIdentifier(
          CheckIdentifierRequest(organizationID: TestIdentity.id(), identifier: "a@example.org"))
      }
      #expect(nobody?.reason == "CONTEXT_MISSING")
    }
  }
}
