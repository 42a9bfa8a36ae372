import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit

/// What this service asks of organization.
struct OrganizationPeer: Sendable {
  private let client: OrganizationServiceClient
  private let policies = RecentValues<Policy>(life: .seconds(5))

  init(_ channel: any RPCChannel) {
    client = OrganizationServiceClient(channel)
  }

  /// The rules of the caller's organisation, at most five seconds old.
  func policy(in call: CallContext) async throws -> Policy {
    let organization = try call.organization()
    if let policy = policies.value(of: organization) { return policy }
    let policy = try await client.getPolicy(
      GetPolicyRequest(organizationID: organization.text), options: call.onward())
    policies.remember(policy, of: organization)
    return policy
  }

  /// Throws FAILED_PRECONDITION/IDENTIFIER_BASIS_MISSING unless the organisation may keep register
  /// numbers. A no is asked about once more: somebody may have mended it a moment ago.
  func demandNationalNumberBasis(in call: CallContext) async throws {
    if try await policy(in: call).nationalNumbersAllowed { return }
    policies.forget(try call.organization())
    guard try await policy(in: call).nationalNumbersAllowed else {
      throw ClientDirectoryError.identifierBasisMissing
    }
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
