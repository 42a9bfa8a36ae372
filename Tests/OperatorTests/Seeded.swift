import ClientDirectoryAPI
import Foundation
import GRPC
import IdentityAPI
import OrganizationAPI
import ServiceKit
import TestKit

@testable import ClientDirectoryCore
@testable import IdentityCore
@testable import Operator
@testable import OrganizationCore

/// A seeded database with the services on it, as the gateway calls them.
struct Seeded: Sendable {
  let database: TestDatabase
  let summary: SeedSummary
  let identity: IdentityServiceClient
  let organization: OrganizationServiceClient
  let directory: ClientDirectoryServiceClient
  fileprivate let plant: Plant

  static let password = "tulips-in-winter-84"

  /// Seeds once more, as much as the first time.
  func run(seed: UInt64) async throws -> SeedSummary { try await plant.run(seed: seed) }

  /// Signs in, and answers what to call with on behalf of an organisation's hat.
  func signIn(_ name: String, in organization: UUID?) async throws -> CallOptions {
    let session = try await identity.signIn(
      SignInRequest(identifier: name, password: Self.password, remoteAddress: "192.0.2.1"),
      options: CallOptions(timeout: .seconds(30)))
    var options = CallOptions(timeout: .seconds(30))
    guard let organization else { return options }
    let token = try await identity.issueContextToken(
      IssueContextTokenRequest(
        sessionToken: session.sessionToken, organizationID: organization.text),
      options: CallOptions(timeout: .seconds(30)))
    options.metadata.append(binary: token.contextToken, for: ContextVerifier.metadataKey)
    return options
  }

  /// Every client that is listed, page by page.
  func clients(of organization: UUID, _ options: CallOptions) async throws -> [Client] {
    var clients: [Client] = []
    var token = ""
    repeat {
      let page = try await directory.listClients(
        ListClientsRequest(organizationID: organization.text, pageSize: 90, pageToken: token),
        options: options)
      clients += page.clients
      token = page.nextPageToken
    } while !token.isEmpty && clients.count < 10_000
    return clients
  }

  /// How many messages an organisation has, as messaging's own role sees them.
  func messages(of organization: UUID) async throws -> Int {
    let rows = try await database.sql(
      """
      set role messaging; set clientele.organization_id = '\(organization.text)';
      select message_id from messaging.messages
      """)
    return rows.count
  }
}

/// How a test's database is seeded.
private struct Plant: Sendable {
  let connection: String
  let organizations: Int
  let clients: Int
  let pepper: String

  func run(seed: UInt64) async throws -> SeedSummary {
    let stored = try PasswordHasher.hash(seeding: Seeded.password, pepperFile: pepper)
    return try await SeedRun(
      connection: connection, organizations: organizations, clients: clients, seed: seed,
      password: SeedPassword(
        text: Seeded.password, hash: stored.phc, pepperKeyID: stored.pepperKeyID)
    ).run { _ in }
  }
}

/// Seeds a database of its own and puts the services on it.
func withSeed<Result>(
  organizations: Int, clients: Int, _ body: (Seeded) async throws -> Result
) async throws -> Result {
  let secret = String(repeating: "07", count: 32)
  let folder = FileManager.default.temporaryDirectory.appending(path: "seed-\(UUID().text)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let pepper = folder.appending(path: "pepper-1.key")
  try Data(secret.utf8).write(to: pepper)
  return try await withDatabase("client-directory", "organization", "identity", "messaging") {
    database in
    let plant = Plant(
      connection: database.connection(), organizations: organizations, clients: clients,
      pepper: pepper.path)
    let summary = try await plant.run(seed: 1)
    func channel(_ bindings: [ServiceBinding], as peer: String) -> InProcessChannel {
      InProcessChannel(
        services: bindings, interceptors: [TestIssuer.access()],
        peer: Peer(serviceName: peer, address: "test"))
    }
    var limits = IdentityLimits()
    limits.hashWaitMilliseconds = 20_000
    let key = PepperKeys.Key(
      id: KeyFiles.keyID(pepper.path), secret: try KeyFiles.secret(pepper.path))
    let identity = IdentityService(
      storage: IdentityStorage(database: try database.database(role: "identity")),
      passwords: PasswordHasher(peppers: PepperKeys(current: key), limits: limits),
      links: InvitationKeys(current: [UInt8](repeating: 9, count: 32)), signer: TestIssuer.signer,
      limits: limits, clock: .system)
    let organization = OrganizationService(
      storage: OrganizationStorage(database: try database.database(role: "organization")),
      identity: channel([.identityService(identity)], as: "organization"))
    let directory = ClientDirectoryService(
      storage: ClientDirectoryStorage(database: try database.database()),
      identity: channel([.identityService(identity)], as: "client-directory"),
      organization: channel([.organizationService(organization)], as: "client-directory"))
    let gateway = channel(
      [
        .identityService(identity), .organizationService(organization),
        .clientDirectoryService(directory),
      ], as: "gateway")
    return try await body(
      Seeded(
        database: database, summary: summary, identity: IdentityServiceClient(gateway),
        organization: OrganizationServiceClient(gateway),
        directory: ClientDirectoryServiceClient(gateway), plant: plant))
  }
}
