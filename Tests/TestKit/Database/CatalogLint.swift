import ServiceStorage

/// What the catalogue shows to be unguarded.
public struct CatalogProblems: Error, CustomStringConvertible {
  /// One line each.
  public let lines: [String]

  /// All lines.
  public var description: String { lines.joined(separator: "\n") }
}

/// Checks in the catalogue that a schema keeps tenants apart, as `IsolationLint` has it.
/// - Parameter open: a sample's tables that are nobody's.
/// - Throws: `CatalogProblems`.
public func assertTenantTablesAreGuarded(
  schema: String, in database: TestDatabase, open: Set<String> = []
) async throws {
  let lines = try await IsolationLint.problems(
    of: schema, connection: database.connection(role: "postgres"), open: open)
  if !lines.isEmpty { throw CatalogProblems(lines: lines) }
}
