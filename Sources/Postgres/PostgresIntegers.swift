/// An integer column of any width, as long as the value fits.
@usableFromInline func decodeInteger(
  _ bytes: UnsafeRawBufferPointer
) throws(PostgresError) -> Int64 {
  switch bytes.count {
  case 8: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
  case 4: Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
  case 2: Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
  default: throw .decoding("\(bytes.count) bytes where an integer was expected")
  }
}

extension FixedWidthInteger where Self: PostgresValue {
  /// Reads an integer of any width.
  @inlinable public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> Self {
    let wide = try decodeInteger(try present(bytes))
    guard let value = Self(exactly: wide) else {
      throw .decoding("\(wide) does not fit \(Self.self)")
    }
    return value
  }

  /// Appends the value, most significant byte first.
  public func encode(into bytes: inout [UInt8]) { bytes.appendBigEndian(self) }
}

extension Int: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.int8 }

  public static func accepts(columnType: UInt32) -> Bool {
    columnType == PostgresType.int8 || Int32.accepts(columnType: columnType)
  }
}

extension Int64: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.int8 }

  public static func accepts(columnType: UInt32) -> Bool { Int.accepts(columnType: columnType) }
}

extension Int32: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.int4 }

  public static func accepts(columnType: UInt32) -> Bool {
    columnType == PostgresType.int4 || columnType == PostgresType.int2
  }
}

extension Int16: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.int2 }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.int2 }
}

/// A 64-bit transaction id (`xid8`), which never wraps.
public struct TransactionID: PostgresValue, Hashable, Comparable {
  /// The number.
  public var rawValue: UInt64

  /// Wraps a number.
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  public static var parameterType: UInt32 { PostgresType.xid8 }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.xid8 }

  public func encode(into bytes: inout [UInt8]) { bytes.appendBigEndian(rawValue) }

  public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> TransactionID {
    let bytes = try present(bytes, count: 8)
    return TransactionID(UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
  }

  public static func < (left: TransactionID, right: TransactionID) -> Bool {
    left.rawValue < right.rawValue
  }
}
