import CLibPQ

/// Fields of an error message (`postgres_ext.h`; macros of characters do not reach Swift as such).
enum PostgresField {
  static let severity = Int32(UInt8(ascii: "V"))
  static let sqlState = Int32(UInt8(ascii: "C"))
  static let message = Int32(UInt8(ascii: "M"))
  static let table = Int32(UInt8(ascii: "t"))
  static let constraint = Int32(UInt8(ascii: "n"))
}

/// One libpq result, borrowed for the length of a closure.
struct Answer {
  let result: OpaquePointer

  enum Status { case command, rows, oneRow, copyIn, sync, aborted, failed, unexpected }

  var status: Status {
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK: .command
    case PGRES_TUPLES_OK: .rows
    case PGRES_SINGLE_TUPLE: .oneRow
    case PGRES_COPY_IN: .copyIn
    case PGRES_PIPELINE_SYNC: .sync
    case PGRES_PIPELINE_ABORTED: .aborted
    case PGRES_FATAL_ERROR: .failed
    default: .unexpected
    }
  }

  /// The command's name, such as `COMMIT`.
  var command: String { String(cString: PQcmdStatus(result)) }

  var rowCount: Int { Int(PQntuples(result)) }

  /// How many rows a command affected.
  var affectedCount: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

  /// Adds a row to a block of such rows.
  func appendRows(to block: inout RowBlock) {
    let rows = PQntuples(result)
    let columns = PQnfields(result)
    block.rows += Int(rows)
    block.columns = Int(columns)
    var size = 0
    for row in 0..<rows {
      for column in 0..<columns { size += Self.lengthBytes + Int(PQgetlength(result, row, column)) }
    }
    // Appending nothing would write a count to the storage that all empty arrays share.
    guard size > 0 else { return }
    block.bytes.append(addingCapacity: size) { span in
      span.withUnsafeMutableBufferPointer { buffer, filled in
        var cells = UnsafeMutableRawBufferPointer(buffer)
        for row in 0..<rows {
          for column in 0..<columns { copyCell(row, column, to: &cells) }
        }
        filled = size
      }
    }
  }

  /// A copy of the rows; for a command without rows, how many it affected.
  func copyRows() -> RowBlock {
    guard PQnfields(result) > 0 else { return RowBlock(rows: affectedCount) }
    var block = RowBlock()
    appendRows(to: &block)
    return block
  }

  /// A cell begins with its length.
  private static let lengthBytes = MemoryLayout<Int32>.size

  /// Copies a cell to the buffer's front, and goes on behind it.
  private func copyCell(
    _ row: Int32, _ column: Int32, to rest: inout UnsafeMutableRawBufferPointer
  ) {
    let length = PQgetlength(result, row, column)
    let isNull = length == 0 && PQgetisnull(result, row, column) == 1
    rest.storeBytes(of: isNull ? -1 : length, as: Int32.self)
    if length > 0, let value = PQgetvalue(result, row, column) {
      UnsafeMutableRawBufferPointer(rebasing: rest[Self.lengthBytes...]).copyMemory(
        from: UnsafeRawBufferPointer(start: value, count: Int(length)))
    }
    rest = UnsafeMutableRawBufferPointer(rebasing: rest[(Self.lengthBytes + Int(length))...])
  }

  var sqlState: String {
    PostgresError.state(
      field(PostgresField.sqlState) ?? "", message: field(PostgresField.message) ?? "")
  }

  /// Whether the server ended the session with it.
  var endsSession: Bool {
    let severity = field(PostgresField.severity)
    return severity == "FATAL" || severity == "PANIC" || sqlState.isEmpty
  }

  /// The refusal it stands for. Only codes that leave nothing behind get here; see
  /// `Engine.noteFailure` for those that leave the outcome open.
  var error: PostgresError {
    let message = field(PostgresField.message) ?? String(cString: PQresultErrorMessage(result))
    let state = sqlState
    switch state {
    case "57014": return .deadlineExceeded
    case "25006": return .unavailable("the server is read-only")
    default: break
    }
    if state.hasPrefix("53") || state.hasPrefix("58") { return .unavailable(message) }
    return .refused(
      sqlState: state,
      constraint: PostgresError.constraint(
        named: field(PostgresField.constraint), sqlState: state, message: message),
      table: field(PostgresField.table), message: message)
  }

  private func field(_ code: Int32) -> String? {
    PQresultErrorField(result, code).map { String(cString: $0) }
  }
}
