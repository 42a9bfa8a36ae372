public import FoundationEssentials

/// The columns of one row, read from left to right.
///
/// It points into the answer's buffer and cannot be copied, so that nothing keeps it longer than
/// the row's initialiser runs.
public struct ColumnReader: ~Copyable {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  private var remaining: Int
  /// Only set by the test that describes statements: the columns, and what did not fit.
  private let described: [DescribedColumn]?
  @usableFromInline let isDescribing: Bool
  private(set) var mismatches: [String] = []
  private var position = 0

  /// Reads `columns` cells from a buffer of lengths and bytes.
  init(bytes: UnsafeRawBufferPointer, columns: Int, described: [DescribedColumn]? = nil) {
    self.bytes = bytes
    self.remaining = columns
    self.described = described
    isDescribing = described != nil
  }

  /// Takes the next column.
  /// - Throws: `PostgresError.decoding` when there is none, when it is NULL and `Value` is not
  ///   optional, or when its bytes are no `Value`.
  @inlinable public mutating func next<Value: PostgresValue>(
    _ type: Value.Type = Value.self
  ) throws(PostgresError) -> Value {
    if isDescribing { return try describe(type) }
    return try Value.decode(try cell())
  }

  @usableFromInline mutating func describe<Value: PostgresValue>(
    _ type: Value.Type
  ) throws(PostgresError) -> Value {
    guard remaining > 0 else {
      mismatches.append("fewer columns than are read")
      throw .decoding("a row has fewer columns than its type reads")
    }
    if let column = described?[position] {
      mismatches += column.mismatches(type).map { "column \(position + 1) \($0)" }
    }
    let cell = try cell()
    guard let label = type.enumLabels?.first else { return try Value.decode(cell) }
    return try [UInt8](label.utf8).withUnsafeBufferPointer {
      (octets) throws(PostgresError) -> Value in
      try Value.decode(UnsafeRawBufferPointer(octets))
    }
  }

  /// The bytes of the next column; nil when it is NULL.
  @usableFromInline mutating func cell() throws(PostgresError) -> UnsafeRawBufferPointer? {
    guard remaining > 0 else {
      throw .decoding("a row has fewer columns than its type reads")
    }
    guard bytes.count - offset >= 4 else { throw .decoding("a row cut short") }
    let length = Int(bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
    offset += 4
    remaining -= 1
    position += 1
    guard length >= 0 else { return nil }
    guard bytes.count - offset >= length else { throw .decoding("a row cut short") }
    defer { offset += length }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
  }

  /// How many columns the row's initialiser has taken.
  var columnsTaken: Int { position }

  /// Leaves what the row did not take.
  mutating func skipRest() throws(PostgresError) {
    while remaining > 0 { _ = try cell() }
  }

  /// Goes on to the next row of the same block.
  mutating func startRow(columns: Int) {
    remaining = columns
    position = 0
  }
}

/// What a statement answers, one value per row, read by position.
public protocol PostgresRow: Sendable {
  /// Reads one row.
  /// - Throws: `PostgresError.decoding`.
  init(from columns: inout ColumnReader) throws(PostgresError)
}

/// The row of a statement without columns; `run` answers one per affected row, so that
/// `isEmpty` tells whether anything was changed.
public struct NoRow: PostgresRow, Hashable {
  /// Nothing to read.
  public init(from columns: inout ColumnReader) throws(PostgresError) {}
  init() {}
}

extension PostgresRow where Self: PostgresValue {
  /// A row of one column.
  public init(from columns: inout ColumnReader) throws(PostgresError) {
    self = try columns.next(Self.self)
  }
}

extension UUID: PostgresRow {}
extension Date: PostgresRow {}
extension String: PostgresRow {}
extension Int: PostgresRow {}
extension Int64: PostgresRow {}
extension Bool: PostgresRow {}
extension TransactionID: PostgresRow {}
extension PostgresTimestamp: PostgresRow {}
extension Array: PostgresRow where Element: PostgresValue {}
extension Optional: PostgresRow where Wrapped: PostgresValue {}

/// The rows a statement answered, copied out of libpq: cell after cell, each a native-endian length
/// (−1 for NULL) and its bytes.
struct RowBlock: Sendable {
  var rows = 0
  var columns = 0
  var bytes: [UInt8] = []

  /// Decodes on the caller's side.
  func decode<Row: PostgresRow>(_ type: Row.Type) throws(PostgresError) -> [Row] {
    guard rows > 0 else { return [] }
    if columns == 0 {
      var none = ColumnReader(bytes: UnsafeRawBufferPointer(start: nil, count: 0), columns: 0)
      return [Row](repeating: try Row(from: &none), count: rows)
    }
    return try bytes.withUnsafeBufferPointer { (octets) throws(PostgresError) -> [Row] in
      var reader = ColumnReader(bytes: UnsafeRawBufferPointer(octets), columns: columns)
      var decoded: [Row] = []
      decoded.reserveCapacity(rows)
      for _ in 0..<rows {
        reader.startRow(columns: columns)
        decoded.append(try Row(from: &reader))
        try reader.skipRest()
      }
      return decoded
    }
  }
}
