import Postgres

/// What follows a large import: the planner's figures and the map of visible rows.
struct SeedUpkeep: Sendable {
  let connection: String

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

  /// Bytes of the whole database on disk.
  func bytes() async throws -> Int {
    try await PlainConnection.withSession("\(connection) user=organization") { session in
      let rows = try session.run("select pg_database_size(current_database())")
      return rows.first?.first.flatMap { $0 }.flatMap(Int.init) ?? 0
    }
  }
}
