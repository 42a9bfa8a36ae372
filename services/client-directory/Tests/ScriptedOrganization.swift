import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import Synchronization

/// Stands in for the remote service organization: policies and employees as a test sets them.
final class ScriptedOrganization: Sendable {
  struct State {
    var policies: [String: Policy] = [:]
    var employees: [String: Employee] = [:]
    var policyCalls = 0
  }

  let state = Mutex(State())

  func set(_ policy: Policy) { state.withLock { $0.policies[policy.organizationID] = policy } }

  func policy(of organization: UUID) -> Policy? {
    state.withLock { $0.policies[organization.text] }
  }

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

  /// The methods above; every other answers UNIMPLEMENTED, so that a new rpc concerns nobody here.
  var binding: ServiceBinding {
    ServiceBinding(
      OrganizationServiceMethods.service,
      [
        .unary(OrganizationServiceMethods.getPolicy, getPolicy),
        .unary(OrganizationServiceMethods.getEmployee, getEmployee),
      ])
  }
}
