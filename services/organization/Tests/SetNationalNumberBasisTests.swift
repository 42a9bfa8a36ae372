import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct SetNationalNumberBasisTests {
  @Test("what is recorded is read, allows, and can be taken back", arguments: Depth.allCases)
  func records(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open()
      let id = organization.organizationID
      func read() async throws -> (NationalNumberBasis, isAllowed: Bool) {
        let options = try administrator.options
        return (
          try await harness.api.getNationalNumberBasis(
            GetNationalNumberBasisRequest(organizationID: id), options: options),
          try await harness.api.getPolicy(GetPolicyRequest(organizationID: id), options: options)
            .nationalNumbersAllowed
        )
      }
      #expect(try await read() == (NationalNumberBasis(organizationID: id), false))

      let request = SetNationalNumberBasisRequest(
        requestID: UUID().text, organizationID: id, basis: "Loi du 8 août 1983, article 5")
      let first = try await harness.api.setNationalNumberBasis(
        request, options: administrator.options)
      #expect(first.recordedBy == administrator.accountID.text)
      #expect(first.recordTime != nil)
      #expect(try await read() == (first, true))
      let again = try await harness.api.setNationalNumberBasis(
        request, options: administrator.options)
      #expect(again == first)

      let other = try await harness.api.setNationalNumberBasis(
        SetNationalNumberBasisRequest(organizationID: id, basis: "Authorisation 12/2024"),
        options: administrator.options)
      #expect(try await read() == (other, true))
      _ = try await harness.api.setNationalNumberBasis(
        SetNationalNumberBasisRequest(organizationID: id, basis: " "),
        options: administrator.options)
      #expect(try await read() == (NationalNumberBasis(organizationID: id), false))
      let recorded = try await harness.database.sql(
        """
        select detail->>'basis' from organization.audit_log
        where action = 'organization.set_national_number_basis' order by audit_id
        """)
      #expect(recorded == [["Loi du 8 août 1983, article 5"], ["Authorisation 12/2024"], [""]])
    }
  }

  @Test("super administrators alone record it", arguments: [Depth.inProcess, .http2])
  func permission(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, _) = try await harness.open()
      for profile in [Profile.branchAdmin, .manager, .employee, .readOnly] {
        let caller = Caller.of(
          Employee(
            employeeID: UUID().text, organizationID: organization.organizationID,
            accountID: UUID().text, profile: profile))
        let refusal = await #expect(throws: RPCError.self) {
          try await harness.api.setNationalNumberBasis(
            SetNationalNumberBasisRequest(
              organizationID: organization.organizationID, basis: "Article 5"),
            options: caller.options)
        }
        #expect(refusal?.reason == "NOT_PERMITTED")
      }
    }
  }

  @Test("a text that is too long is refused")
  func tooLong() async throws {
    try await withOrganization { harness in
      let (organization, administrator) = try await harness.open()
      let refusal = await #expect(throws: RPCError.self) {
        try await harness.api.setNationalNumberBasis(
          SetNationalNumberBasisRequest(
            organizationID: organization.organizationID, basis: String(repeating: "a", count: 1_001)
          ), options: administrator.options)
      }
      #expect(refusal?.violations.map(\.field) == ["basis"])
    }
  }
}
