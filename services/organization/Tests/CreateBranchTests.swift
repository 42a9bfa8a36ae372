import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct CreateBranchTests {
  @Test("adds a branch, once for a request id", arguments: Depth.allCases)
  func adds(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open()
      let request = CreateBranchRequest(
        requestID: UUID().text, organizationID: organization.organizationID, name: " Namur ")
      let first = try await harness.api.createBranch(request, options: administrator.options)
      let second = try await harness.api.createBranch(request, options: administrator.options)
      #expect(first == second)
      #expect(first.name == "Namur")
      #expect(try await harness.database.count("branches") == 2)
    }
  }

  @Test("names that differ in case or accents alone are the same")
  func nameTaken() async throws {
    try await withOrganization { harness in
      let (organization, administrator) = try await harness.open("Liège")
      let refusal = await #expect(throws: RPCError.self) {
        try await harness.api.createBranch(
          CreateBranchRequest(organizationID: organization.organizationID, name: "LIEGE"),
          options: administrator.options)
      }
      #expect(refusal?.code == .alreadyExists)
      #expect(refusal?.reason == "BRANCH_NAME_TAKEN")
    }
  }

  @Test("only who manages the organisation adds one", arguments: [Depth.inProcess, .http2])
  func permission(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, _) = try await harness.open()
      for profile in [Profile.branchAdmin, .manager, .employee, .readOnly] {
        let caller = Caller.of(
          Employee(
            employeeID: UUID().text, organizationID: organization.organizationID,
            accountID: UUID().text, profile: profile))
        let refusal = await #expect(throws: RPCError.self) {
          try await harness.api.createBranch(
            CreateBranchRequest(organizationID: organization.organizationID, name: "X"),
            options: caller.options)
        }
        #expect(refusal?.reason == "NOT_PERMITTED")
      }
    }
  }
}
