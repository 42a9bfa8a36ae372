import Foundation
import Postgres

/// A Citus cluster of three nodes or more on which the services' own rooms can run, their tables
/// distributed: `CLIENTELE_TEST_CITUS=host:port,host:port,…`, the coordinator first, each taking the
/// superuser `postgres` and the services' roles. Each test gets a database on each node.
struct TestCitus: Sendable {
  private let nodes: [(host: String, port: String)]

  /// Nil when tests run on plain PostgreSQL.
  static let shared = ProcessInfo.processInfo.environment["CLIENTELE_TEST_CITUS"].map { setting in
    TestCitus(
      nodes: setting.split(separator: ",").map { node in
        let parts = node.split(separator: ":").map(String.init)
        return (parts.first ?? "", parts.last ?? "")
      })
  }

  /// Nil for any other cluster too.
  static func shared(at cluster: String) -> TestCitus? {
    shared.flatMap { $0.coordinator == cluster ? $0 : nil }
  }

  /// The coordinator's connection string, without database and user.
  var coordinator: String { connections.first ?? "" }

  private var connections: [String] { nodes.map { "host=\($0.host) port=\($0.port)" } }

  private func everywhere(_ script: [String], in database: String = "postgres") async throws {
    for node in connections {
      try await PlainConnection.withSession("\(node) user=postgres dbname=\(database)") { session in
        for command in script { try session.run(command) }
      }
    }
  }

  /// A clone of a template on each node: which tables are where goes with the rest.
  func clone(_ template: String, as name: String) async throws {
    try await everywhere(["create database \(name) template \(template) strategy file_copy"])
  }

  func drop(_ name: String) async throws {
    try await everywhere(["drop database if exists \(name) with (force)"])
  }

  /// Makes a template of schemas as `clientele migrate --citus` does. Nobody may connect to it when
  /// it is whole, Citus' own daemon neither.
  func makeTemplate(_ name: String, _ schemas: [TestSchema]) async throws {
    let inside = "\(coordinator) user=postgres dbname=\(name)"
    let postgres = "\(coordinator) user=postgres dbname=postgres"
    let isWhole = "select from pg_database where datname = '\(name)' and not datallowconn"
    let found = try await PlainConnection.withSession(postgres) { try $0.run(isWhole) }
    guard found.isEmpty else { return }
    try await drop(name)
    try await everywhere(["create database \(name)"])
    try await everywhere(["create extension citus"], in: name)
    let nodes = nodes
    try await PlainConnection.withSession(inside) { session in
      for (index, node) in nodes.enumerated() {
        let call = index == 0 ? "citus_set_coordinator_host" : "citus_add_node"
        try session.run("select \(call)('\(node.host)', \(node.port))")
      }
    }
    try await Bootstrap(
      maintenance: postgres, database: name, schemas: schemas.map(\.name), citus: true
    ).run()
    for schema in schemas {
      try await Migrator(
        connection: inside, directory: schema.directory.path, schema: schema.name
      ).migrate()
    }
    let distributed = schemas.map(\.name).filter { $0 != "identity" }
    if !distributed.isEmpty {
      try await CitusCluster(connection: inside, schemas: distributed).distribute { _ in }
    }
    try await everywhere([
      "alter database \(name) allow_connections false",
      "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '\(name)'",
    ])
  }
}
