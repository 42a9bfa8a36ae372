import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit

/// What this service asks of organization.
struct OrganizationPeer: Sendable {
  private let client: OrganizationServiceClient
  private let policies = PolicyCache()

  init(_ channel: any RPCChannel) {
    client = OrganizationServiceClient(channel)
  }

  /// The rules of the caller's organisation, at most `PolicyCache.life` old.
  func policy(in call: CallContext) async throws -> Policy {
    let organization = try call.organization()
    if let policy = policies.policy(of: organization) { return policy }
    let policy = try await client.getPolicy(
      GetPolicyRequest(organizationID: organization.text), options: call.onward())
    policies.remember(policy, of: organization)
    return policy
  }

  /// An employee who works here. Throws NOT_FOUND/EMPLOYEE_NOT_FOUND, also for one who left.
  func employee(_ id: UUID, in call: CallContext) async throws -> Employee {
    do {
      let employee = try await client.getEmployee(
        GetEmployeeRequest(organizationID: try call.organization().text, employeeID: id.text),
        options: call.onward())
      guard employee.state == .invited || employee.state == .active else {
        throw ClientDirectoryError.employeeNotFound
      }
      return employee
    } catch let error as RPCError where error.code == .notFound {
      throw ClientDirectoryError.employeeNotFound
    }
  }
}

extension Policy {
  /// Whether a new client with an address is invited at once.
  var invitesOnCreate: Bool { invitationTrigger == .onCreate || invitationTrigger == .unspecified }

  /// Whether staff learn nothing about an address that belongs to somebody.
  var disclosesNothing: Bool { emailDisclosure == .blind }

  /// The organisation's branches.
  var branches: [UUID] { branchIDs.compactMap(UUID.init(uuidString:)) }

  /// The language of clients who have none of their own.
  var defaultLanguage: String { languages.first ?? "fr" }
}
