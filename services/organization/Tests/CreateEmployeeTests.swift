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

@Suite struct CreateEmployeeTests {
  @Test("adds an employee to the only branch and invites them, once", arguments: Depth.allCases)
  func adds(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open()
      let request = CreateEmployeeRequest.sample(in: organization)
      let first = try await harness.api.createEmployee(request, options: administrator.options)
      let second = try await harness.api.createEmployee(request, options: administrator.options)
      #expect(first == second)
      #expect(first.state == .invited)
      #expect(first.branchIDs == organization.policy?.branchIDs)
      try await harness.onboard()
      let invitation = harness.identity.invitations.first { $0.recordID == first.employeeID }
      #expect(invitation?.email == "bo@example.org")
      #expect(harness.identity.invitations.count == 2)
      let membership = harness.identity.memberships.first { $0.recordID == first.employeeID }
      #expect(membership?.permissions == ["clients.create", "clients.update"])
      #expect(membership?.branchIDs == first.branchIDs)
    }
  }

  @Test("the same request id at once adds one employee, and every call is told of them")
  func twins() async throws {
    try await withOrganization { harness in
      let (organization, administrator) = try await harness.open()
      let request = CreateEmployeeRequest.sample(in: organization)
      let answers = await withTaskGroup(of: String?.self) { group in
        for _ in 0..<4 {
          group.addTask {
            try? await harness.api.createEmployee(request, options: administrator.options)
              .employeeID
          }
        }
        return await group.reduce(into: [String?]()) { $0.append($1) }
      }
      #expect(Set(answers).count == 1)
      #expect(answers.first != .some(nil))
      let jobs = try await harness.database.count("jobs")
      #expect(jobs == 2)
    }
  }

  @Test("nobody makes somebody more powerful than themselves")
  func profileAboveOwn() async throws {
    try await withOrganization { harness in
      let (organization, _) = try await harness.open()
      let caller = Caller.of(
        Employee(
          employeeID: UUID().text, organizationID: organization.organizationID,
          accountID: UUID().text, profile: .branchAdmin,
          branchIDs: organization.policy?.branchIDs ?? []))
      let refusal = await #expect(throws: RPCError.self) {
        try await harness.api.createEmployee(
          .sample(in: organization, profile: .superAdmin), options: caller.options)
      }
      #expect(refusal?.code == .permissionDenied)
      #expect(refusal?.reason == "PROFILE_ABOVE_OWN")
      let equal = try await harness.api.createEmployee(
        .sample(in: organization, profile: .branchAdmin), options: caller.options)
      #expect(equal.profile == .branchAdmin)
    }
  }

  @Test("branches: existing ones, the caller's own, and never none where there are several")
  func branches() async throws {
    try await withOrganization { harness in
      let (organization, administrator) = try await harness.open()
      let second = try await harness.api.createBranch(
        CreateBranchRequest(organizationID: organization.organizationID, name: "Second"),
        options: administrator.options)
      func create(_ branches: [String], by caller: Caller) async -> String? {
        do {
          _ = try await harness.api.createEmployee(
            .sample(in: organization, branchIDs: branches), options: caller.options)
          return nil
        } catch { return (error as? RPCError)?.reason ?? "\(error)" }
      }
      #expect(await create([UUID().text], by: administrator) == "BRANCH_NOT_FOUND")
      #expect(await create([], by: administrator) == "FIELDS_INVALID")
      let limited = Caller.of(
        Employee(
          employeeID: UUID().text, organizationID: organization.organizationID,
          accountID: UUID().text, profile: .branchAdmin,
          branchIDs: organization.policy?.branchIDs ?? []))
      #expect(await create([second.branchID], by: limited) == "BRANCH_NOT_ALLOWED")
      #expect(await create([second.branchID], by: administrator) == nil)
    }
  }

  @Test("a person is an employee once, and a bad address names its field")
  func addresses() async throws {
    try await withOrganization { harness in
      let (organization, administrator) = try await harness.open()
      _ = try await harness.api.createEmployee(
        .sample(in: organization), options: administrator.options)
      let again = await #expect(throws: RPCError.self) {
        try await harness.api.createEmployee(
          .sample(in: organization), options: administrator.options)
      }
      #expect(again?.reason == "EMPLOYEE_EXISTS")
      let bad = await #expect(throws: RPCError.self) {
        try await harness.api.createEmployee(
          .sample(in: organization, email: "b@nowhere"), options: administrator.options)
      }
      #expect(bad?.reason == "EMAIL_INVALID")
      #expect(bad?.resolutions.first?.rpc.hasSuffix("/CreateEmployee") == true)
      #expect(bad?.violations.contains { $0.field == "email" } == true)
      harness.identity.take("pro@example.org", "EMAIL_PROFESSIONAL")
      let taken = await #expect(throws: RPCError.self) {
        try await harness.api.createEmployee(
          .sample(in: organization, email: "pro@example.org"), options: administrator.options)
      }
      #expect(taken?.reason == "EMAIL_PROFESSIONAL")
      #expect(taken?.resolutions.isEmpty == false)
    }
  }

  @Test("only administrators add employees", arguments: [Depth.inProcess, .http2])
  func permission(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, _) = try await harness.open()
      for profile in [Profile.manager, .employee, .readOnly] {
        let caller = Caller.of(
          Employee(
            employeeID: UUID().text, organizationID: organization.organizationID,
            accountID: UUID().text, profile: profile))
        let refusal = await #expect(throws: RPCError.self) {
          try await harness.api.createEmployee(
            .sample(in: organization), options: caller.options)
        }
        #expect(refusal?.reason == "NOT_PERMITTED")
      }
    }
  }

  @Test("who accepts the invitation is active")
  func accepts() async throws {
    try await withOrganization { harness in
      let (organization, administrator) = try await harness.open()
      let employee = try await harness.api.createEmployee(
        .sample(in: organization), options: administrator.options)
      let accepted = InvitationAccepted(
        invitationID: UUID().text, accountID: employee.accountID,
        organizationID: organization.organizationID, recordID: employee.employeeID,
        purpose: .joinStaff)
      let queries = try await IdentityFollower.apply(
        FeedEvent(kind: "invitation.accepted", payload: accepted.serialized()))
      let id = try #require(UUID(uuidString: organization.organizationID))
      let worker = try harness.database.database(role: "organization_worker")
      try await worker.run(.organization(id), all: queries)
      let read = try await harness.api.getEmployee(
        GetEmployeeRequest(
          organizationID: organization.organizationID, employeeID: employee.employeeID),
        options: administrator.options)
      #expect(read.state == .active)
    }
  }
}
