/// One row for `CopyWriter.write`, in PostgreSQL's binary format.
///
/// The values' types are the columns' own: PostgreSQL casts nothing here, so an `Int` goes into a
/// `bigint` and nothing narrower.
public struct CopyRow: Sendable {
  let bytes: [UInt8]

  /// Encodes a row's values, in the order of the columns.
  public init<each Value: PostgresValue>(_ values: repeat each Value) {
    var bytes: [UInt8] = []
    var count: Int16 = 0
    bytes.appendBigEndian(count)
    repeat Self.append(each values, to: &bytes, &count)
    bytes[0] = UInt8(truncatingIfNeeded: count >> 8)
    bytes[1] = UInt8(truncatingIfNeeded: count)
    self.bytes = bytes
  }

  private static func append<Value: PostgresValue>(
    _ value: Value, to bytes: inout [UInt8], _ count: inout Int16
  ) {
    count &+= 1
    bytes.appendCell(value)
  }
}

/// Takes rows for a COPY; see `Transaction.copy`.
public final class CopyWriter {
  /// How many rows were written.
  public private(set) var rowCount = 0
  private let transaction: Transaction
  private var buffer: [UInt8]

  /// Bytes that are sent together.
  static let chunkBytes = 64 * 1024
  private static let signature: [UInt8] =
    [UInt8]("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)

  fileprivate init(_ transaction: Transaction) {
    self.transaction = transaction
    buffer = Self.signature
    buffer.reserveCapacity(Self.chunkBytes * 2)
  }

  /// Takes a row. It returns when there is room for the next one: a writer that is faster than the
  /// server waits for it.
  /// - Throws: `PostgresError`; the transaction is then of no use any more. What the server thinks
  ///   of the rows it says at the end.
  public nonisolated(nonsending) func write(_ row: CopyRow) async throws(PostgresError) {
    rowCount += 1
    buffer += row.bytes
    if buffer.count >= Self.chunkBytes { try await flush() }
  }

  private nonisolated(nonsending) func flush() async throws(PostgresError) {
    guard !Task.isCancelled else { throw .cancelled }
    let chunk = buffer
    buffer.removeAll(keepingCapacity: true)
    _ = try await transaction.copyStep(.data(chunk))
  }

  fileprivate nonisolated(nonsending) func end() async throws(PostgresError) {
    buffer += [0xFF, 0xFF]
    try await flush()
  }
}

extension Transaction {
  /// Fills a table by COPY, the fastest way to write many rows.
  ///
  /// PostgreSQL refuses COPY into a table with row-level security. Import there in two steps: COPY
  /// into a temporary table, then `insert … select`, which the policies check row by row.
  /// - Parameters:
  ///   - table: its name, and
  ///   - columns: those that are written, both fixed text.
  ///   - body: writes the rows. What it throws undoes the transaction when it is thrown on.
  /// - Returns: how many rows the server took.
  /// - Throws: what `body` throws; `PostgresError`.
  @discardableResult
  public nonisolated(nonsending) func copy(
    into table: StaticString, columns: [StaticString],
    _ body: (CopyWriter) async throws -> Void
  ) async throws -> Int {
    let names = columns.map { "\"\($0)\"" }.joined(separator: ", ")
    _ = try await copyStep(.start("copy \(table) (\(names)) from stdin (format binary)"))
    let writer = CopyWriter(self)
    do {
      try await body(writer)
      try await writer.end()
    } catch {
      // Refused whole; what the server says to that is no news.
      _ = try? await copyStep(.end(refusing: "given up by the client"))
      throw error
    }
    return try await copyStep(.end(refusing: nil))
  }

  nonisolated(nonsending) func copyStep(
    _ step: CopyRequest.Step
  ) async throws(PostgresError) -> Int {
    try await CopyRequest(step, lease: lease, deadline: deadline).perform(on: engine)
  }
}
