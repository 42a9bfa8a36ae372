import Foundation
import Postgres

/// Brings the schemas of all services up to date.
enum Migrations {
  /// A libpq connection string as the superuser of a private cluster.
  static func superuser(socket: String) -> String { "host=\(socket) user=postgres" }

  /// Makes database, roles and schemas where they are missing, and applies what is pending.
  ///
  /// - Parameters:
  ///   - root: the checkout, with services/*/migrations.
  ///   - superuser: a connection string without `dbname`.
  ///   - citus: whether it is a Citus cluster, over which tables are then distributed.
  ///   - tell: is told each command that distributes.
  /// - Returns: how many files were applied.
  static func apply(
    root: URL, superuser: String, services: [String], citus: Bool = false,
    tell: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> Int {
    let bootstrap = Bootstrap(
      maintenance: "\(superuser) dbname=postgres", database: "clientele",
      schemas: services.map(schema), citus: citus)
    try await bootstrap.run()
    var applied = 0
    for service in services {
      applied += try await migrator(root, superuser, service).migrate().count
    }
    if citus { try await Self.citus(superuser).distribute(tell) }
    return applied
  }

  static func migrator(_ root: URL, _ superuser: String, _ service: String) -> Migrator {
    Migrator(
      connection: "\(superuser) dbname=clientele",
      directory: root.appending(path: "services/\(service)/migrations").path,
      schema: schema(service))
  }

  /// The database as a Citus cluster. identity, which is keyed by person, stays on the coordinator.
  static func citus(_ superuser: String) -> CitusCluster {
    CitusCluster(
      connection: "\(superuser) dbname=clientele",
      schemas: DevLayout.services.filter { $0 != "identity" }.map(schema))
  }

  /// Whether the database is there, and on a Citus cluster.
  static func isCitus(_ superuser: String) async throws -> Bool {
    let isThere = "select from pg_database where datname = 'clientele'"
    let found = try await PlainConnection.withSession("\(superuser) dbname=postgres") {
      try $0.run(isThere)
    }
    return try await found.isEmpty ? false : citus(superuser).isCitus()
  }

  static func schema(_ service: String) -> String { service.replacing("-", with: "_") }
}
