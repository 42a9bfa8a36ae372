import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct GetNationalNumberBasisTests {
  @Test("all staff may read it, of their own organisation", arguments: [Depth.inProcess, .http2])
  func reads(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open()
      let (other, _) = try await harness.open("Other", email: "eve@example.org")
      let basis = try await harness.api.setNationalNumberBasis(
        SetNationalNumberBasisRequest(
          organizationID: organization.organizationID, basis: "Article 5"),
        options: administrator.options)
      let reader = Caller.of(
        Employee(
          employeeID: UUID().text, organizationID: organization.organizationID,
          accountID: UUID().text, profile: .readOnly))
      #expect(
        try await harness.api.getNationalNumberBasis(
          GetNationalNumberBasisRequest(organizationID: organization.organizationID),
          options: reader.options) == basis)
      let refusal = await #expect(throws: RPCError.self) {
        try await harness.api.getNationalNumberBasis(
          GetNationalNumberBasisRequest(organizationID: other.organizationID),
          options: reader.options)
      }
      #expect(refusal?.code == .notFound)
    }
  }
}
