/// What PostgreSQL says of a statement's column.
public struct DescribedColumn: Sendable, Hashable {
  /// The type's OID.
  public var type: UInt32
  /// Whether it may be NULL; nil where that cannot be told, as for an expression.
  public var mayBeNull: Bool?
  /// The labels of a type that is an enum.
  public var labels: [String]?

  /// A column of a type about which no more is known.
  public init(type: UInt32, mayBeNull: Bool? = nil, labels: [String]? = nil) {
    self.type = type
    self.mayBeNull = mayBeNull
    self.labels = labels
  }

  /// What does not fit when it is read as a type.
  func mismatches<Value: PostgresValue>(_ value: Value.Type) -> [String] {
    var found: [String] = []
    if !value.accepts(columnType: type) { found.append("of type \(type) is read as \(value)") }
    if mayBeNull == true, !value.admitsNull { found.append("may be NULL and is read as \(value)") }
    if let labels, let known = value.enumLabels {
      let unknown = Set(labels).subtracting(known).sorted()
      let missing = Set(known).subtracting(labels).sorted()
      if !unknown.isEmpty { found.append("may be \(unknown), which \(value) does not know") }
      if !missing.isEmpty { found.append("can never be \(missing) of \(value)") }
    }
    return found
  }
}

/// A statement whose columns can be compared with what its row reads.
public protocol DescribedStatement: Sendable {
  /// The SQL.
  var text: StatementText { get }

  /// What does not fit when the row is read from these columns.
  func mismatches(columns: [DescribedColumn]) -> [String]
}

/// A type that declares statements, and names each of them, so that a test can have PostgreSQL check
/// them all without a list kept elsewhere.
public protocol Table {
  /// Every statement of the type, whichever file of it declares it.
  static var statements: [any DescribedStatement] { get }
}

extension Statement: DescribedStatement {
  public func mismatches(columns: [DescribedColumn]) -> [String] {
    var cells: [UInt8] = []
    for column in columns { Self.appendSample(of: column, to: &cells) }
    return cells.withUnsafeBytes { bytes in
      var reader = ColumnReader(bytes: bytes, columns: columns.count, described: columns)
      var found: [String] = []
      do throws(PostgresError) {
        _ = try Row(from: &reader)
        if Row.self != NoRow.self, reader.columnsTaken < columns.count {
          found.append("\(columns.count) columns, of which \(reader.columnsTaken) are read")
        }
      } catch {
        // A sample may be no value of an enum, so the row may end early without being wrong.
      }
      return found + reader.mismatches
    }
  }

  /// A cell that decodes as its type's own Swift value.
  private static func appendSample(of column: DescribedColumn, to cells: inout [UInt8]) {
    let bytes: [UInt8]
    switch column.type {
    case PostgresType.bool: bytes = [0]
    case PostgresType.int2: bytes = [0, 0]
    case PostgresType.int4, PostgresType.float4, PostgresType.date: bytes = [0, 0, 0, 0]
    case PostgresType.uuid: bytes = [UInt8](repeating: 0, count: 16)
    case PostgresType.jsonb: bytes = [1] + [UInt8]("{}".utf8)
    case PostgresType.int8, PostgresType.float8, PostgresType.timestamptz, PostgresType.xid8,
      PostgresType.numeric:
      bytes = [UInt8](repeating: 0, count: 8)
    case 1000...1022, 1182, 1185, 1231, 2951, 3807: bytes = [UInt8](repeating: 0, count: 12)
    default: bytes = [UInt8]((column.labels?.first ?? "").utf8)
    }
    withUnsafeBytes(of: Int32(truncatingIfNeeded: bytes.count)) { cells.append(contentsOf: $0) }
    cells += bytes
  }
}

extension Database {
  /// Prepares each statement against the schema as it stands and compares it with what its row
  /// reads: what a test asks so that no statement is wrong in a corner nobody called.
  ///
  /// Types and the labels of enums are always compared.
  /// - Parameters:
  ///   - nullability: whether a column that may be NULL must be read as an optional. What is known
  ///     is a table's `not null` and the optional side of an outer join; an expression may be
  ///     either, and so is not judged. A column that a condition keeps from being NULL is. Like
  ///     `largeTables` it explains the statement, which takes the rights to run it.
  ///   - largeTables: tables that no statement may read as a whole. Each statement's generic plan
  ///     is made with sequential scans disabled; what is still one, or reads all of an index and
  ///     sifts it, or looks in an index without its first column, has no index that serves it. What
  ///     a function does inside cannot be seen.
  /// - Returns: one line per problem; empty when all is well.
  public func describe(
    _ statements: [any DescribedStatement], nullability: Bool = false, largeTables: [String] = []
  ) async throws -> [String] {
    try await PlainConnection.withSession(settings.connection) { session in
      let inspector = try StatementInspector(session, largeTables: largeTables)
      var problems: [String] = []
      for statement in statements {
        do throws(PostgresError) {
          let columns = try session.describe(statement.text.sql, nullability: nullability)
          let found = try inspector.scans(of: statement.text.sql)
          problems += (statement.mismatches(columns: columns) + found).map {
            "\($0): \(statement.text.sql)"
          }
        } catch {
          problems.append("\(error): \(statement.text.sql)")
        }
      }
      return problems
    }
  }
}
