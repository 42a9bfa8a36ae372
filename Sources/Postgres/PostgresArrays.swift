/// A one-dimensional array, whose elements may be optional; `[UInt8]` is `bytea`.
extension Array: PostgresValue where Element: PostgresValue {
  @inlinable public static var parameterType: UInt32 {
    if Element.self == UInt8.self { return PostgresType.bytea }
    return ArrayType.holding(Element.parameterType)
  }

  public static func accepts(columnType: UInt32) -> Bool {
    if Element.self == UInt8.self { return columnType == PostgresType.bytea }
    let own = parameterType
    return own == columnType || columnType >= PostgresType.firstOwn
      || (own == ArrayType.text && columnType == ArrayType.varchar)
  }

  @inlinable public func encode(into bytes: inout [UInt8]) {
    if Element.self == UInt8.self {
      withUnsafeBytes { bytes.append(contentsOf: $0) }
      return
    }
    let elementType = Element.parameterType == 0 ? PostgresType.text : Element.parameterType
    bytes.appendBigEndian(Int32(isEmpty ? 0 : 1))  // dimensions
    bytes.appendBigEndian(Int32(contains { $0.isNull } ? 1 : 0))  // whether there are NULLs
    bytes.appendBigEndian(elementType)
    guard !isEmpty else { return }
    bytes.appendBigEndian(Int32(truncatingIfNeeded: count))
    bytes.appendBigEndian(Int32(1))  // lower bound
    for element in self { bytes.appendCell(element) }
  }

  /// Inlinable, so that a row's initialiser in another room reads its elements without asking at run
  /// time what they are.
  @inlinable public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> [Element] {
    let bytes = try present(bytes)
    if Element.self == UInt8.self {
      // Filling nothing would write to the storage that all empty arrays share.
      guard !bytes.isEmpty else { return [] }
      // Copied as they are: to cast an array is to cast each of its elements.
      return [Element](unsafeUninitializedCapacity: bytes.count) { octets, count in
        UnsafeMutableRawBufferPointer(octets).copyMemory(from: bytes)
        count = bytes.count
      }
    }
    var reader = ArrayReader(bytes: bytes)
    let dimensions = try reader.integer()
    _ = try reader.integer()
    _ = try reader.integer()
    guard dimensions != 0 else { return [] }
    guard dimensions == 1 else { throw .decoding("an array of \(dimensions) dimensions") }
    let count = try reader.integer()
    _ = try reader.integer()
    // Each element takes four bytes at least, so a false count cannot make us reserve memory.
    guard count >= 0, count <= bytes.count / 4 else { throw .decoding("an array's false count") }
    var elements: [Element] = []
    elements.reserveCapacity(Int(count))
    for _ in 0..<count { elements.append(try Element.decode(try reader.element())) }
    return elements
  }
}

/// OIDs of the array types.
@usableFromInline enum ArrayType {
  static let text: UInt32 = 1009
  static let varchar: UInt32 = 1015

  /// The array type of an element's parameter type; 0 when there is none that this room speaks.
  @usableFromInline static func holding(_ element: UInt32) -> UInt32 {
    switch element {
    case 0, PostgresType.text: text
    case PostgresType.bool: 1000
    case PostgresType.int2: 1005
    case PostgresType.int4: 1007
    case PostgresType.int8: 1016
    case PostgresType.float8: 1022
    case PostgresType.date: 1182
    case PostgresType.timestamptz: 1185
    case PostgresType.uuid: 2951
    case PostgresType.jsonb: 3807
    case PostgresType.numeric: 1231
    case PostgresType.float4: 1021
    case PostgresType.xid8: 271
    case PostgresType.bytea: 1001
    default: 0
    }
  }
}

@usableFromInline struct ArrayReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  @usableFromInline init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  @usableFromInline mutating func integer() throws(PostgresError) -> Int32 {
    guard bytes.count - offset >= 4 else { throw .decoding("an array cut short") }
    defer { offset += 4 }
    return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
  }

  @usableFromInline mutating func element() throws(PostgresError) -> UnsafeRawBufferPointer? {
    let length = Int(try integer())
    guard length >= 0 else { return nil }
    guard bytes.count - offset >= length else { throw .decoding("an array cut short") }
    defer { offset += length }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
  }
}

/// A byte: only as an element of `[UInt8]`, which is `bytea`.
extension UInt8: PostgresValue {
  public static var parameterType: UInt32 { 0 }

  public static func accepts(columnType: UInt32) -> Bool { false }

  public func encode(into bytes: inout [UInt8]) { bytes.append(self) }

  public static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> UInt8 {
    try present(bytes, count: 1)[0]
  }
}
