import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import Synchronization

/// Stands in for the remote service organization: policies and employees as a test sets them.
final class ScriptedOrganization: OrganizationServiceProtocol {
  struct State {
    var policies: [String: Policy] = [:]
    var employees: [String: Employee] = [:]
    var policyCalls = 0
  }

  let state = Mutex(State())

  func set(_ policy: Policy) { state.withLock { $0.policies[policy.organizationID] = policy } }

  func add(_ employee: Employee) {
    state.withLock { $0.employees[employee.employeeID] = employee }
  }

  func getPolicy(_ request: GetPolicyRequest, in call: CallContext) async throws -> Policy {
    try state.withLock { state in
      state.policyCalls += 1
      guard let policy = state.policies[request.organizationID] else {
        throw RPCError(.notFound, reason: "ORGANIZATION_NOT_FOUND", "no such organisation")
      }
      return policy
    }
  }

  func getEmployee(_ request: GetEmployeeRequest, in call: CallContext) async throws -> Employee {
    try state.withLock { state in
      guard let employee = state.employees[request.employeeID],
        employee.organizationID == request.organizationID
      else { throw RPCError(.notFound, reason: "EMPLOYEE_NOT_FOUND", "no such employee") }
      return employee
    }
  }

  // MARK: Not asked by this service

  private func unasked<Answer>() throws -> Answer {
    throw RPCError(.unimplemented, "not asked by client-directory")
  }

  func createOrganization(
    _ request: CreateOrganizationRequest, in call: CallContext
  ) async throws -> Organization { try unasked() }
  func getOrganization(
    _ request: GetOrganizationRequest, in call: CallContext
  ) async throws -> Organization { try unasked() }
  func listBranches(
    _ request: ListBranchesRequest, in call: CallContext
  ) async throws -> ListBranchesResponse { try unasked() }
  func createBranch(
    _ request: CreateBranchRequest, in call: CallContext
  ) async throws -> Branch { try unasked() }
  func createEmployee(
    _ request: CreateEmployeeRequest, in call: CallContext
  ) async throws -> Employee { try unasked() }
  func listEmployees(
    _ request: ListEmployeesRequest, in call: CallContext
  ) async throws -> ListEmployeesResponse { try unasked() }
}
