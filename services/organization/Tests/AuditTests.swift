import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import OrganizationAPI
import Postgres
import Protobuf
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct AuditTests {
  @Test("each call that changes something leaves one row, any other none")
  func rows() async throws {
    try await withOrganization(.inProcess) { harness in
      let watch = AuditWatch(OrganizationServiceMethods.all, in: harness.database)
      let request = CreateOrganizationRequest.sample()
      let organization = try await watch.changes("CreateOrganization") {
        try await harness.api.createOrganization(request)
      }
      try await watch.leavesNothing("CreateOrganization, repeated") {
        try await harness.api.createOrganization(request)
      }
      let administrator = Caller.of(organization.administrator ?? Employee())
      let branch = CreateBranchRequest(
        requestID: UUID().text, organizationID: organization.organizationID, name: "Namur")
      _ = try await watch.changes("CreateBranch") {
        try await harness.api.createBranch(branch, options: administrator.options)
      }
      try await watch.leavesNothing("CreateBranch, repeated and refused") {
        _ = try await harness.api.createBranch(branch, options: administrator.options)
        var twin = branch
        twin.requestID = UUID().text
        let refused = await #expect(throws: RPCError.self) {
          try await harness.api.createBranch(twin, options: administrator.options)
        }
        #expect(refused?.reason == "BRANCH_NAME_TAKEN")
      }
      let basis = SetNationalNumberBasisRequest(
        requestID: UUID().text, organizationID: organization.organizationID, basis: "Article 5")
      _ = try await watch.changes("SetNationalNumberBasis") {
        try await harness.api.setNationalNumberBasis(basis, options: administrator.options)
      }
      try await watch.leavesNothing("SetNationalNumberBasis, repeated") {
        try await harness.api.setNationalNumberBasis(basis, options: administrator.options)
      }
      let employee = CreateEmployeeRequest.sample(in: organization, profile: .superAdmin)
      let added = try await watch.changes("CreateEmployee") {
        try await harness.api.createEmployee(employee, options: administrator.options)
      }
      try await watch.leavesNothing("CreateEmployee, repeated; reads") {
        _ = try await harness.api.createEmployee(employee, options: administrator.options)
        _ = try await harness.api.getEmployee(
          GetEmployeeRequest(
            organizationID: organization.organizationID, employeeID: added.employeeID),
          options: administrator.options)
      }
      #expect(watch.missing.isEmpty, "\(watch.missing)")

      let rows = try await harness.database.sql(
        """
        select action, object_id, organization_id, actor_account, actor_service, acting_as,
          request_id
        from organization.audit_log order by audit_id
        """)
      #expect(
        rows.last == [
          "employee.create", added.employeeID, organization.organizationID,
          administrator.accountID.text, "operator", "STAFF SUPER_ADMIN",
          employee.requestID.lowercased(),
        ])
    }
  }

  @Test("what the follower does is on record for the person it follows")
  func follower() async throws {
    let account = UUID()
    let accepted = InvitationAccepted(
      invitationID: UUID().text, accountID: account.text, organizationID: UUID().text,
      recordID: UUID().text, purpose: .joinStaff)
    let queries = try await IdentityFollower.apply(
      FeedEvent(kind: "invitation.accepted", payload: accepted.serialized()))
    #expect(queries.count == 2)
    #expect(queries.last?.text.sql.contains("audit_log") == true)
  }
}
