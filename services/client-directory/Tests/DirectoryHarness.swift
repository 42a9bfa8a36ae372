import ClientDirectoryAPI
import CommonAPI
import FieldProtection
import Foundation
import GRPC
import IdentityAPI
import Logging
import OrganizationAPI
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage
import TestKit

@testable import ClientDirectoryCore

/// The service under test at some depth, with a database of its own and scripted peers.
struct DirectoryHarness: Sendable {
  let api: ClientDirectoryServiceClient
  let database: TestDatabase
  let service: Database
  let identity: ScriptedIdentity
  let peers: ScriptedOrganization
  let jobs: JobOffice
  let follower: IdentityFollower
  /// What its register numbers are encrypted with.
  let protection: TestProtection

  /// An organisation with so many branches, known to the scripted organization.
  func organization(
    branches: Int = 1, change: (inout Policy) -> Void = { _ in }
  ) -> TestOrganization {
    let organization = TestOrganization(
      id: UUIDv7.make(), branches: (0..<branches).map { _ in UUIDv7.make() })
    set(organization, change)
    return organization
  }

  /// Says by which rules an organisation works.
  func set(_ organization: TestOrganization, _ change: (inout Policy) -> Void) {
    var policy = Policy(
      organizationID: organization.id.text, invitationTrigger: .onCreate, emailDisclosure: .full,
      languages: ["nl-BE", "fr"], organizationName: "Praktijk",
      branchIDs: organization.branches.map(\.text))
    change(&policy)
    peers.set(policy)
  }

  /// A member of staff, known to the scripted organization.
  func staff(
    _ profile: Profile, of organization: TestOrganization, branches: [UUID]? = nil
  ) -> Caller {
    let branches = branches ?? (profile == .superAdmin ? [] : [organization.branches[0]])
    let caller = Caller(
      accountID: UUID(), organizationID: organization.id, hat: .staff, profile: profile,
      branchIDs: Set(branches), permissions: TestOrganization.permissions(of: profile),
      sessionID: UUID(), employeeID: UUIDv7.make(), signedInAt: Date())
    peers.add(
      Employee(
        employeeID: caller.employeeID?.text ?? "", organizationID: organization.id.text,
        accountID: caller.accountID.text, profile: profile, branchIDs: branches.map(\.text),
        state: .active))
    return caller
  }

  /// Creates a client on behalf of a caller.
  func create(
    by caller: Caller, email: String = "", change: (inout CreateClientRequest) -> Void = { _ in }
  ) async throws -> Client {
    var request = CreateClientRequest.sample(by: caller, email: email)
    change(&request)
    return try await api.createClient(request, options: caller.options)
  }

  /// Reads a client on behalf of a caller.
  func get(_ client: String, by caller: Caller) async throws -> Client {
    try await api.getClient(
      GetClientRequest(organizationID: caller.organization, clientID: client),
      options: caller.options)
  }

  /// Does the jobs that are due.
  func invite() async throws { await jobs.drain() }

  /// The holder accepts the invitation, and the news arrives.
  func accept(_ client: Client) async throws {
    identity.activate(client.accountID)
    let accepted = InvitationAccepted(
      invitationID: UUID().text, accountID: client.accountID,
      organizationID: client.organizationID, recordID: client.clientID, purpose: .activate)
    let queries = try await follower.apply(
      FeedEvent(kind: "invitation.accepted", payload: accepted.serialized()))
    let organization = UUID(uuidString: client.organizationID) ?? UUID()
    try await follower.worker.run(.organization(organization), all: queries)
  }
}

/// An organisation that a test made up.
struct TestOrganization: Sendable {
  let id: UUID
  let branches: [UUID]

  /// What memberships of each profile permit, as organization writes them.
  static func permissions(of profile: Profile) -> Set<String> {
    let administrator: Set = [
      "clients.create", "clients.update", "clients.read_all", "clients.assign",
      "employees.manage",
    ]
    return switch profile {
    case .superAdmin: administrator.union(["organization.manage"])
    case .branchAdmin: administrator
    case .manager: ["clients.create", "clients.update", "clients.read_branch"]
    case .employee: ["clients.create", "clients.update"]
    default: []
    }
  }
}

/// Serves client-directory at a depth as the peer named.
/// - Parameter isProtected: false for a service without field keys.
func withDirectory(
  _ depth: Depth = .direct, as peer: String = "gateway", isProtected: Bool = true,
  _ body: (DirectoryHarness) async throws -> Void
) async throws {
  let protection = try TestProtection()
  defer { protection.remove() }
  try await withDatabase("client-directory") { database in
    let identity = ScriptedIdentity()
    let organization = ScriptedOrganization()
    let channel = InProcessChannel(
      services: [identity.binding, organization.binding],
      interceptors: [], peer: Peer(serviceName: "client-directory", address: "test"))
    let pool = try database.database()
    let worker = try database.database(role: "client_directory_worker")
    let service = ClientDirectoryService(
      storage: ClientDirectoryStorage(database: pool), identity: channel, organization: channel,
      protection: isProtected ? try protection.files() : nil)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let jobs = JobOffice(
      worker: worker, schema: "client_directory", logger: logger,
      handlers: [
        InvitationJobs.handler(Invitations(identity: service.identity)),
        Reencryption(database: pool, fieldKeys: service.fieldKeys, clock: .system).handler,
        IndexRotation(database: pool, fieldKeys: service.fieldKeys).handler,
      ])
    let follower = IdentityFollower(
      clients: service.storage.clients, worker: worker, identity: service.identity,
      channel: channel, logger: logger, clock: .system)
    try await withService(
      depth, bindings: [.clientDirectoryService(service)], interceptors: [TestIssuer.access()],
      as: peer
    ) { channel in
      try await body(
        DirectoryHarness(
          api: ClientDirectoryServiceClient(channel), database: database, service: pool,
          identity: identity, peers: organization, jobs: jobs, follower: follower,
          protection: protection))
    }
  }
}

/// The refusal of a call; nil when it was answered.
func refusal<Answer>(_ body: () async throws -> Answer) async -> RPCError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? RPCError ?? RPCError(.unknown, "\(error)")
  }
}

extension CreateClientRequest {
  /// Without an e-mail it is confirmed that there is none.
  static func sample(by caller: Caller, email: String = "") -> CreateClientRequest {
    CreateClientRequest(
      requestID: UUID().text, organizationID: caller.organization, email: email,
      noEmailConfirmed: email.isEmpty, givenName: "Julie", familyName: "Example")
  }
}

extension Caller {
  /// Options for a call on behalf of the caller.
  var options: CallOptions {
    get throws { try TestIssuer.options(self) }
  }

  /// The organisation as requests name it.
  var organization: String { organizationID?.text ?? "" }

  /// The employee as requests name them.
  var employee: String { employeeID?.text ?? "" }

  /// The client whose file it is, signed in.
  static func holder(of client: Client) -> Caller {
    Caller(
      accountID: UUID(uuidString: client.accountID) ?? UUID(),
      organizationID: UUID(uuidString: client.organizationID), hat: .client, sessionID: UUID(),
      clientID: UUID(uuidString: client.clientID))
  }
}
