import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct GetEmployeeTests {
  @Test("colleagues read one another", arguments: Depth.allCases)
  func reads(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open()
      let employee = try await harness.api.createEmployee(
        .sample(in: organization), options: administrator.options)
      let read = try await harness.api.getEmployee(
        GetEmployeeRequest(
          organizationID: organization.organizationID, employeeID: employee.employeeID),
        options: Caller.of(employee).options)
      #expect(read == employee)
    }
  }

  @Test("employees of others, and unknown ones, are not there", arguments: Depth.allCases)
  func foreign(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (first, _) = try await harness.open()
      let (second, stranger) = try await harness.open("Other", email: "eve@example.org")
      for id in [first.administrator?.employeeID ?? "", UUID().text] {
        let refusal = await #expect(throws: RPCError.self) {
          try await harness.api.getEmployee(
            GetEmployeeRequest(organizationID: second.organizationID, employeeID: id),
            options: stranger.options)
        }
        #expect(refusal?.code == .notFound)
        #expect(refusal?.reason == "EMPLOYEE_NOT_FOUND")
      }
    }
  }
}
