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
  ///   - citus: whether it is a Citus cluster.
  /// - Returns: how many files were applied.
  static func apply(
    root: URL, superuser: String, services: [String], citus: Bool = false
  ) async throws -> Int {
    let bootstrap = Bootstrap(
      maintenance: "\(superuser) dbname=postgres", database: "clientele",
      schemas: services.map(schema), citus: citus)
    try await bootstrap.run()
    var applied = 0
    for service in services {
      applied += try await migrator(root, superuser, service).migrate().count
    }
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

  static func schema(_ service: String) -> String { service.replacing("-", with: "_") }
}
