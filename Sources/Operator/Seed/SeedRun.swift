import Foundation
import IdentityCore
import Logging
import Postgres

/// The one password of everybody who is seeded.
struct SeedPassword: Sendable {
  let text: String
  /// A PHC string.
  let hash: String
  let pepperKeyID: String
}

/// What a seed made.
struct SeedSummary: Sendable {
  var organizations: [SeedOrganization] = []
  var clients = 0
  var accounts = 0
  /// Bytes of the database before and after.
  var bytes = (before: 0, after: 0)
  var elapsed: Duration = .zero
}

/// Fills a migrated database with organisations and their clients.
///
/// Rows go where the services' own roles put them, under the same policies and keys: by COPY into a
/// temporary table and `insert … select`, since PostgreSQL takes no COPY under row-level security
/// (decision 0009). No events are written: nobody is told, and no mail goes out.
struct SeedRun: Sendable {
  /// libpq connection string without user.
  let connection: String
  let organizations: Int
  let clients: Int
  let seed: UInt64
  let password: SeedPassword

  /// Organisations filled side by side; each writes to three services at once.
  static let sideBySide = 2
  /// Clients stored in one transaction.
  static let batch = 4000
  /// The longest a transaction may take.
  static let stepTimeout = Duration.seconds(120)

  /// Why nothing was seeded.
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  /// - Parameter tell: called with the number of clients stored so far.
  func run(tell: @escaping @Sendable (Int) -> Void) async throws -> SeedSummary {
    let begun = ContinuousClock.now
    let isCitus = try await CitusCluster(
      connection: "\(connection) user=organization", schemas: []
    ).isCitus()
    let upkeep = SeedUpkeep(connection: connection, isCitus: isCitus)
    let stores = try SeedStores(connection, password, isCitus ? .setLocal : .setConfig)
    do {
      var summary = try await fill(stores, upkeep, tell)
      await stores.close()
      try await upkeep.run()
      summary.bytes.after = try await upkeep.bytes()
      summary.elapsed = begun.duration(to: .now)
      return summary
    } catch {
      await stores.close()
      throw error
    }
  }

  private func fill(
    _ stores: SeedStores, _ upkeep: SeedUpkeep, _ tell: @escaping @Sendable (Int) -> Void
  ) async throws -> SeedSummary {
    var summary = SeedSummary()
    summary.bytes.before = try await upkeep.bytes()
    let populations = try await plan(taken: stores.identity.takenUsernames())
    summary.organizations = populations.map(\.organization)
    for organization in summary.organizations
    where try await stores.organization.exists(organization.id) {
      throw Refused(
        description: """
          "\(organization.name)" is there already: this seed was planted before. Give another one \
          with --seed, or start from an empty database.
          """)
    }
    let counter = SeedCounter(tell)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, population) in populations.enumerated() {
        if index >= Self.sideBySide { try await group.next() }
        group.addTask { try await stores.store(population, counter) }
      }
      try await group.waitForAll()
    }
    summary.clients = counter.clients
    summary.accounts = counter.accounts
    return summary
  }

  /// Organisations of different sizes, each with its clients still to be made.
  private func plan(taken: [String: Int]) throws -> [SeedPopulation] {
    var names: Set<String> = []
    return try (0..<organizations).map { place in
      // The division's remainder goes to the first ones.
      let count = clients / organizations + (place < clients % organizations ? 1 : 0)
      var planner = SeedPlanner(
        seed: seed, place: place, clients: count,
        usernames: SeedUsernames(
          taken: taken, place: place, organizations: organizations, stem: Username.stem))
      let organization = planner.organization()
      guard names.insert(organization.name).inserted else {
        throw Refused(
          description: "seed \(seed) gives two organisations the name \"\(organization.name)\"; "
            + "give another one with --seed")
      }
      return SeedPopulation(organization, count: count, after: planner)
    }
  }
}

/// The pools of a seed, each as the role that may write its rows.
struct SeedStores: Sendable {
  let organization: OrganizationSeed
  let identity: IdentitySeed
  let directory: DirectorySeed
  let messaging: MessagingSeed

  init(
    _ connection: String, _ password: SeedPassword, _ prologue: DatabaseSettings.PrologueForm
  ) throws {
    func pool(_ role: String, _ more: String = "") throws -> Database {
      var settings = DatabaseSettings(
        connection: "\(connection) user=\(role) options='-c synchronous_commit=off\(more)'")
      settings.prologue = prologue
      settings.connectionsMax = SeedRun.sideBySide
      settings.callTimeout = SeedRun.stepTimeout
      settings.queueWait = SeedRun.stepTimeout
      settings.connectionWait = SeedRun.stepTimeout
      let database = Database(settings: settings, logger: CertificateOptions.quiet)
      try database.start()
      return database
    }
    organization = OrganizationSeed(database: try pool("organization"))
    identity = IdentitySeed(
      database: try pool("identity_migrate", " -c role=identity_owner"), password: password)
    directory = DirectorySeed(database: try pool("client_directory"))
    messaging = MessagingSeed(database: try pool("messaging_worker"))
  }

  /// Stores an organisation and all of its clients.
  func store(_ population: SeedPopulation, _ counter: SeedCounter) async throws {
    var population = population
    let place = population.organization
    try await organization.store(place)
    let staff = place.employees.map { SeedHolder($0) }
    try await identity.store(staff, of: place)
    counter.add(clients: 0, accounts: staff.count)
    while true {
      let clients = population.next(SeedRun.batch)
      guard !clients.isEmpty else { return }
      let holders = clients.compactMap { SeedHolder($0) }
      async let files: Void = directory.store(clients, of: place.id)
      async let accounts: Void = identity.store(holders, of: place)
      async let mails: Void = messaging.store(clients, of: place)
      _ = try await (files, accounts, mails)
      counter.add(clients: clients.count, accounts: holders.count)
    }
  }

  func close() async {
    for database in [
      organization.database, identity.database, directory.database, messaging.database,
    ] {
      await database.close()
    }
  }
}
