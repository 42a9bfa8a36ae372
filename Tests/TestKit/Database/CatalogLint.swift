import ServiceStorage

/// What the catalogue shows to be unguarded.
public struct CatalogProblems: Error, CustomStringConvertible {
  /// One line each.
  public let lines: [String]

  /// All lines.
  public var description: String { lines.joined(separator: "\n") }
}

/// Checks in the catalogue that a schema keeps tenants apart: forced row-level security with a
/// policy on each table that has `organization_id`, keys that start with it, no grant to another
/// service's roles, no view or function that would go around the policies.
/// - Throws: `CatalogProblems`.
public func assertTenantTablesAreGuarded(schema: String, in database: TestDatabase) async throws {
  let lines = try await IsolationLint.problems(
    of: schema, connection: database.connection(role: "postgres"))
  if !lines.isEmpty { throw CatalogProblems(lines: lines) }
}
