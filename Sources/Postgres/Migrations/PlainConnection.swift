import CLibPQ

/// A blocking connection for what is no call: migrations, roles, databases, descriptions. It must
/// not be used on an event loop or the cooperative pool; `withSession` gives it a thread of its
/// own.
public final class PlainConnection {
  private let handle: OpaquePointer

  private init(_ connection: String) throws(PostgresError) {
    guard let handle = ConnectionString.connect(connection) else {
      throw .unavailable("out of memory")
    }
    guard PQstatus(handle) == CONNECTION_OK else {
      let message = String(cString: PQerrorMessage(handle)).trimmingNewlines
      PQfinish(handle)
      throw .unavailable(message)
    }
    self.handle = handle
    // Notices such as "schema exists already" are no news here.
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
  }

  deinit { PQfinish(handle) }

  /// Connects, runs blocking work on a thread of its own, closes.
  /// - Parameter connection: a libpq connection string.
  /// - Throws: `PostgresError.unavailable` when it does not connect; what `body` throws.
  public static func withSession<Success: Sendable>(
    _ connection: String, _ body: @escaping @Sendable (PlainConnection) throws -> Success
  ) async throws -> Success {
    try await IOThread.run(named: "postgres-plain") {
      Result { try body(PlainConnection(connection)) }
    }
  }

  /// Runs a script of one or more commands.
  /// - Parameter script: SQL. It is sent as it stands: never assemble it from input.
  /// - Returns: the last command's rows, as text.
  /// - Throws: `PostgresError`.
  @discardableResult
  public func run(_ script: String) throws(PostgresError) -> [[String?]] {
    try rows(of: PQexec(handle, script))
  }

  /// Runs one command with parameters, given and answered as text.
  /// - Throws: `PostgresError`.
  @discardableResult
  public func run(_ sql: String, _ parameters: [String?]) throws(PostgresError) -> [[String?]] {
    let copies = parameters.map { parameter in parameter.map { Array($0.utf8CString) } }
    var buffer: [CChar] = []
    for copy in copies { buffer += copy ?? [] }
    let result = buffer.withUnsafeBufferPointer { buffer in
      var offset = 0
      let values = copies.map { copy -> UnsafePointer<CChar>? in
        defer { offset += copy?.count ?? 0 }
        return copy == nil ? nil : buffer.baseAddress.map { $0 + offset }
      }
      return PQexecParams(
        handle, sql, Int32(truncatingIfNeeded: values.count), nil, values, nil, nil, 0)
    }
    return try rows(of: result)
  }

  /// Prepares a statement under the name `inspected`.
  /// - Returns: how many parameters it takes.
  func prepareInspected(_ sql: String) throws(PostgresError) -> Int {
    _ = try rows(of: PQprepare(handle, "inspected", sql, 0, nil))
    guard let result = PQdescribePrepared(handle, "inspected") else {
      throw .unavailable("out of memory")
    }
    defer { PQclear(result) }
    return Int(PQnparams(result))
  }

  /// A statement's columns, as PostgreSQL plans it now.
  /// - Parameter nullability: whether to find out which may be NULL.
  func describe(
    _ sql: String, nullability: Bool
  ) throws(PostgresError) -> [DescribedColumn] {
    _ = try rows(of: PQprepare(handle, "", sql, 0, nil))
    guard let result = PQdescribePrepared(handle, "") else { throw .unavailable("out of memory") }
    let fields = (0..<PQnfields(result)).map { index in
      (PQftype(result, index), PQftable(result, index), PQftablecol(result, index))
    }
    PQclear(result)
    guard !fields.isEmpty else { return [] }
    var optional: Set<String> = []
    if nullability {
      let plan = try StatementInspector(self, largeTables: []).plan(of: sql)
      optional = plan?.optionalTables ?? []
    }
    var columns: [DescribedColumn] = []
    for (type, table, number) in fields {
      columns.append(
        DescribedColumn(
          type: type, mayBeNull: nullability ? try mayBeNull(table, number, optional) : nil,
          labels: try labels(of: type)))
    }
    return columns
  }

  private func mayBeNull(
    _ table: UInt32, _ number: Int32, _ optional: Set<String>
  ) throws(PostgresError) -> Bool? {
    guard table != 0 else { return nil }
    let found = try run(
      """
      select n.nspname || '.' || c.relname, a.attnotnull from pg_attribute a
      join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where a.attrelid = $1::oid and a.attnum = $2::int2 and c.relkind in ('r', 'p')
      """, ["\(table)", "\(number)"])
    guard let row = found.first, row.count == 2, let name = row[0] else { return nil }
    return row[1] == "f" || optional.contains(name)
  }

  private func labels(of type: UInt32) throws(PostgresError) -> [String]? {
    guard type >= PostgresType.firstOwn else { return nil }
    let found = try run(
      """
      select enumlabel from pg_enum
      where enumtypid in (select coalesce(nullif(typelem, 0), oid) from pg_type where oid = $1::oid)
      order by enumsortorder
      """, ["\(type)"])
    return found.isEmpty ? nil : found.compactMap { $0.first.flatMap { $0 } }
  }

  private func rows(of result: OpaquePointer?) throws(PostgresError) -> [[String?]] {
    guard let result else { throw .unavailable(String(cString: PQerrorMessage(handle))) }
    defer { PQclear(result) }
    switch Answer(result: result).status {
    case .command, .rows: break
    default: throw Answer(result: result).error
    }
    return (0..<PQntuples(result)).map { row in
      (0..<PQnfields(result)).map { column in
        PQgetisnull(result, row, column) == 1
          ? nil : String(cString: PQgetvalue(result, row, column))
      }
    }
  }
}
