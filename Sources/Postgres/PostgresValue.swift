public import FoundationEssentials

/// A Swift value that travels as one parameter or one column, in PostgreSQL's binary format.
///
/// An enum with a raw value that is one needs only the conformance: `extension Kind: PostgresValue
/// {}`.
public protocol PostgresValue: Sendable {
  /// The OID a parameter is declared with; 0 lets the statement infer it.
  static var parameterType: UInt32 { get }

  /// Whether a column of this type can be read as this value.
  static func accepts(columnType: UInt32) -> Bool

  /// Whether it can be read from a column that may be NULL.
  static var admitsNull: Bool { get }

  /// The labels an enum knows; nil for what is no enum. A test compares them with the database's.
  static var enumLabels: [String]? { get }

  /// Whether it goes as NULL. Then `encode` is not called.
  var isNull: Bool { get }

  /// Appends the binary form, without length.
  func encode(into bytes: inout [UInt8])

  /// Reads the binary form; nil stands for NULL.
  /// - Throws: `PostgresError.decoding`.
  static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> Self
}

/// The OIDs of the types this room speaks (`pg_type.dat`; they never change).
public enum PostgresType {
  public static let bool: UInt32 = 16
  public static let bytea: UInt32 = 17
  public static let int8: UInt32 = 20
  public static let int2: UInt32 = 21
  public static let int4: UInt32 = 23
  public static let text: UInt32 = 25
  public static let json: UInt32 = 114
  public static let float4: UInt32 = 700
  public static let float8: UInt32 = 701
  public static let date: UInt32 = 1082
  public static let timestamptz: UInt32 = 1184
  public static let numeric: UInt32 = 1700
  public static let uuid: UInt32 = 2950
  public static let jsonb: UInt32 = 3802
  public static let xid8: UInt32 = 5069
  static let name: UInt32 = 19
  static let bpchar: UInt32 = 1042
  static let varchar: UInt32 = 1043
  /// Types made in the database, enums and domains and extensions' own, start here.
  static let firstOwn: UInt32 = 16384
}

/// A Swift enum that stands for one of the database's (`create type … as enum`) and is read and
/// written as its label. `Database.describe` compares the labels on both sides.
///
/// In an array it is written as `$1::text[]::colour[]`, since PostgreSQL wants to be told the
/// elements' type, which only the database knows.
public protocol PostgresEnum: PostgresValue, RawRepresentable, CaseIterable
where RawValue == String {}

extension PostgresEnum {
  public static var enumLabels: [String]? { allCases.map(\.rawValue) }
}

extension PostgresValue {
  @inlinable public var isNull: Bool { false }

  public static var admitsNull: Bool { false }

  public static var enumLabels: [String]? { nil }

  /// The bytes, or a refusal of NULL.
  @inlinable static func present(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> UnsafeRawBufferPointer {
    guard let bytes else { throw .decoding("NULL where \(Self.self) was expected") }
    return bytes
  }

  /// The bytes, when there are exactly so many.
  @inlinable static func present(
    _ bytes: UnsafeRawBufferPointer?, count: Int
  ) throws(PostgresError) -> UnsafeRawBufferPointer {
    let bytes = try present(bytes)
    guard bytes.count == count else {
      throw .decoding("\(bytes.count) bytes where \(Self.self) was expected")
    }
    return bytes
  }
}

extension Optional: PostgresValue where Wrapped: PostgresValue {
  @inlinable public static var parameterType: UInt32 { Wrapped.parameterType }

  @inlinable public static func accepts(columnType: UInt32) -> Bool {
    Wrapped.accepts(columnType: columnType)
  }

  public static var admitsNull: Bool { true }

  public static var enumLabels: [String]? { Wrapped.enumLabels }

  @inlinable public var isNull: Bool { self?.isNull ?? true }

  @inlinable public func encode(into bytes: inout [UInt8]) { self?.encode(into: &bytes) }

  @inlinable public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> Self {
    guard let bytes else { return nil }
    return .some(try Wrapped.decode(bytes))
  }
}

extension PostgresValue where Self: RawRepresentable, RawValue: PostgresValue {
  public static var parameterType: UInt32 { RawValue.parameterType }

  public static func accepts(columnType: UInt32) -> Bool {
    RawValue.accepts(columnType: columnType)
  }

  public func encode(into bytes: inout [UInt8]) { rawValue.encode(into: &bytes) }

  @inlinable public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> Self {
    let rawValue = try RawValue.decode(bytes)
    guard let value = Self(rawValue: rawValue) else {
      throw .decoding("\(rawValue) is no \(Self.self)")
    }
    return value
  }
}

extension UUID: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.uuid }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.uuid }

  public func encode(into bytes: inout [UInt8]) {
    withUnsafeBytes(of: uuid) { bytes.append(contentsOf: $0) }
  }

  public static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> UUID {
    let bytes = try present(bytes, count: 16)
    return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
  }
}

extension String: PostgresValue {
  public static var parameterType: UInt32 { 0 }

  public static func accepts(columnType: UInt32) -> Bool {
    switch columnType {
    case PostgresType.text, PostgresType.varchar, PostgresType.bpchar, PostgresType.name,
      PostgresType.json:
      true
    default: columnType >= PostgresType.firstOwn
    }
  }

  public func encode(into bytes: inout [UInt8]) { bytes.append(contentsOf: utf8) }

  public static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> String {
    String(decoding: try present(bytes), as: UTF8.self)
  }
}

extension Bool: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.bool }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.bool }

  public func encode(into bytes: inout [UInt8]) { bytes.append(self ? 1 : 0) }

  public static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> Bool {
    try present(bytes, count: 1)[0] != 0
  }
}

extension Double: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.float8 }

  public static func accepts(columnType: UInt32) -> Bool {
    columnType == PostgresType.float8 || columnType == PostgresType.float4
  }

  public func encode(into bytes: inout [UInt8]) { bytes.appendBigEndian(bitPattern) }

  public static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> Double {
    let bytes = try present(bytes)
    if bytes.count == 4 {
      return Double(Float(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))))
    }
    let bits = try present(bytes, count: 8).loadUnaligned(as: UInt64.self)
    return Double(bitPattern: UInt64(bigEndian: bits))
  }
}

/// A JSON document as text, stored in a `jsonb` column.
public struct JSONB: PostgresValue, Hashable {
  /// The document.
  public var text: String

  /// Wraps a document; PostgreSQL refuses what is not JSON (22P02).
  public init(_ text: String) { self.text = text }

  public static var parameterType: UInt32 { PostgresType.jsonb }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.jsonb }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(1)  // the format's version
    bytes.append(contentsOf: text.utf8)
  }

  public static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> JSONB {
    let bytes = try present(bytes)
    guard bytes.first == 1 else { throw .decoding("jsonb of an unknown version") }
    return JSONB(String(decoding: bytes.dropFirst(), as: UTF8.self))
  }
}
