import Postgres

/// What follows a large import: the planner's figures and the map of visible rows.
struct SeedUpkeep: Sendable {
  let connection: String
  /// Whether it is a Citus cluster, whose nodes have most of the rows.
  let isCitus: Bool

  private static let tables = [
    ("client_directory", "clients, contact_points, stakeholders, client_labels"),
    (
      "identity",
      "accounts, login_identifiers, credentials, memberships, invitations, invitation_sends"
    ),
    ("organization", "organizations, branches, employees, employee_branches"),
    ("messaging", "messages"),
  ]

  /// As each schema's owner, the schemas side by side.
  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (schema, tables) in Self.tables {
        group.addTask {
          try await PlainConnection.withSession("\(connection) user=\(schema)_migrate") { session in
            try session.run("set role \(schema)_owner")
            try session.run("vacuum (analyze) \(tables)")
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Bytes of the whole database on disk, of all nodes.
  func bytes() async throws -> Int {
    try await PlainConnection.withSession("\(connection) user=organization") { session in
      let size = "select pg_database_size(current_database())"
      let rows = try session.run(
        isCitus ? "select sum(result::bigint) from run_command_on_all_nodes('\(size)')" : size)
      return rows.first?.first.flatMap { $0 }.flatMap(Int.init) ?? 0
    }
  }
}
