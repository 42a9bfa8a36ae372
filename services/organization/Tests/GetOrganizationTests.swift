import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct GetOrganizationTests {
  @Test("members read their organisation", arguments: Depth.allCases)
  func reads(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open()
      var expected = organization
      expected.administrator = nil
      let read = try await harness.api.getOrganization(
        GetOrganizationRequest(organizationID: organization.organizationID),
        options: administrator.options)
      #expect(read == expected)
    }
  }

  @Test("another organisation is not there", arguments: [Depth.inProcess, .http2])
  func foreign(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (first, _) = try await harness.open()
      let (_, stranger) = try await harness.open("Other", email: "eve@example.org")
      let refusal = await #expect(throws: RPCError.self) {
        try await harness.api.getOrganization(
          GetOrganizationRequest(organizationID: first.organizationID), options: stranger.options)
      }
      #expect(refusal?.code == .notFound)
      #expect(refusal?.reason == "ORGANIZATION_NOT_FOUND")
    }
  }

  @Test("without a signed-in user there is no answer", arguments: [Depth.inProcess, .http2])
  func anonymous(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, _) = try await harness.open()
      let refusal = await #expect(throws: RPCError.self) {
        try await harness.api.getOrganization(
          GetOrganizationRequest(organizationID: organization.organizationID))
      }
      #expect(refusal?.reason == "CONTEXT_MISSING")
    }
  }
}
