import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Logging
import OrganizationAPI
import Postgres
import ServiceKit
import ServiceStorage
import TestKit

@testable import OrganizationCore

/// The service under test at some depth, with a database of its own and a scripted peer.
struct OrganizationHarness: Sendable {
  let api: OrganizationServiceClient
  let database: TestDatabase
  let service: Database
  let identity: ScriptedIdentity
  let jobs: JobOffice

  /// Opens an organisation and answers it with its administrator as a caller.
  func open(
    _ name: String = "Cabinet", email: String = "ada@example.org",
    change: (inout CreateOrganizationRequest) -> Void = { _ in }
  ) async throws -> (organization: Organization, administrator: Caller) {
    var request = CreateOrganizationRequest.sample(name: name, email: email)
    change(&request)
    let organization = try await api.createOrganization(request)
    return (organization, Caller.of(organization.administrator ?? Employee()))
  }

  /// Does the jobs that are due.
  func onboard() async throws { await jobs.drain() }
}

/// Serves organization at a depth as the peer named: the operator by default, who may call all.
func withOrganization(
  _ depth: Depth = .direct, as peer: String = "operator",
  _ body: (OrganizationHarness) async throws -> Void
) async throws {
  try await withDatabase("organization") { database in
    let identity = ScriptedIdentity()
    let channel = InProcessChannel(
      services: [identity.binding], interceptors: [],
      peer: Peer(serviceName: "organization", address: "test"))
    let pool = try database.database()
    let worker = try database.database(role: "organization_worker")
    let service = OrganizationService(
      storage: OrganizationStorage(database: pool), identity: channel)
    let onboarding = EmployeeOnboarding(identity: IdentityServiceClient(channel))
    let jobs = JobOffice(
      worker: worker, schema: "organization",
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      handlers: [EmployeeJobs.handler(onboarding)])
    try await withService(
      depth, bindings: [.organizationService(service)], interceptors: [TestIssuer.access()],
      as: peer
    ) { channel in
      try await body(
        OrganizationHarness(
          api: OrganizationServiceClient(channel), database: database, service: pool,
          identity: identity, jobs: jobs))
    }
  }
}

extension CreateOrganizationRequest {
  static func sample(name: String = "Cabinet", email: String = "ada@example.org") -> Self {
    CreateOrganizationRequest(
      requestID: UUID().text, name: name, country: "BE", languages: ["fr", "nl-BE"],
      timeZone: "Europe/Brussels", administratorGivenName: "Ada",
      administratorFamilyName: "Lovelace", administratorEmail: email)
  }
}

extension CreateEmployeeRequest {
  static func sample(
    in organization: Organization, profile: Profile = .employee, email: String = "bo@example.org",
    branchIDs: [String] = []
  ) -> Self {
    CreateEmployeeRequest(
      requestID: UUID().text, organizationID: organization.organizationID, givenName: "Bo",
      familyName: "Diddley", email: email, profile: profile, branchIDs: branchIDs)
  }
}

extension Caller {
  /// The claims that identity would make of an employee's membership.
  static func of(_ employee: Employee) -> Caller {
    Caller(
      accountID: UUID(uuidString: employee.accountID) ?? UUID(),
      organizationID: UUID(uuidString: employee.organizationID), hat: .staff,
      profile: employee.profile,
      branchIDs: Set(employee.branchIDs.compactMap(UUID.init(uuidString:))),
      permissions: Set(PermissionPresets.permissions(of: employee.profile)), sessionID: UUID(),
      employeeID: UUID(uuidString: employee.employeeID))
  }

  /// Options for a call on behalf of the caller.
  var options: CallOptions {
    get throws { try TestIssuer.options(self) }
  }
}
