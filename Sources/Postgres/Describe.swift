/// A statement whose columns can be compared with what its row reads.
public protocol DescribedStatement: Sendable {
  /// The SQL.
  var text: StatementText { get }

  /// What does not fit when the row is read from columns of these types.
  func mismatches(columns: [UInt32]) -> [String]
}

/// A type that declares statements, and names each of them, so that a test can have PostgreSQL check
/// them all without a list kept elsewhere.
public protocol Table {
  /// Every statement of the type, whichever file of it declares it.
  static var statements: [any DescribedStatement] { get }
}

extension Statement: DescribedStatement {
  public func mismatches(columns: [UInt32]) -> [String] {
    var cells: [UInt8] = []
    for type in columns { Self.appendSample(of: type, to: &cells) }
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
  private static func appendSample(of type: UInt32, to cells: inout [UInt8]) {
    let bytes: [UInt8]
    switch type {
    case PostgresType.bool: bytes = [0]
    case PostgresType.int2: bytes = [0, 0]
    case PostgresType.int4, PostgresType.float4, PostgresType.date: bytes = [0, 0, 0, 0]
    case PostgresType.uuid: bytes = [UInt8](repeating: 0, count: 16)
    case PostgresType.jsonb: bytes = [1] + [UInt8]("{}".utf8)
    case PostgresType.int8, PostgresType.float8, PostgresType.timestamptz, PostgresType.xid8:
      bytes = [UInt8](repeating: 0, count: 8)
    case 1000...1022, 1182, 1185, 2951, 3807: bytes = [UInt8](repeating: 0, count: 12)
    default: bytes = []
    }
    withUnsafeBytes(of: Int32(truncatingIfNeeded: bytes.count)) { cells.append(contentsOf: $0) }
    cells += bytes
  }
}

extension Database {
  /// Prepares each statement against the schema as it stands and compares its columns with its row:
  /// what a test asks so that no statement is wrong in a corner nobody called.
  /// - Returns: one line per problem; empty when all is well.
  public func describe(_ statements: [any DescribedStatement]) async throws -> [String] {
    try await PlainConnection.withSession(settings.connection) { session in
      var problems: [String] = []
      for statement in statements {
        do throws(PostgresError) {
          let columns = try session.columnTypes(of: statement.text.sql)
          problems += statement.mismatches(columns: columns).map { "\($0): \(statement.text.sql)" }
        } catch {
          problems.append("\(error): \(statement.text.sql)")
        }
      }
      return problems
    }
  }
}
