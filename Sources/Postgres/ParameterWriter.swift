/// A statement's parameters in PostgreSQL's binary format, one after the other in one buffer:
/// type OID, length (−1 for NULL), bytes.
public struct ParameterWriter: Sendable, Hashable {
  @usableFromInline var bytes: [UInt8] = []
  @usableFromInline var count = 0
  /// Tells lists of other types apart (FNV-1a over the OIDs); never 0.
  @usableFromInline var signature: UInt32 = 0x811C_9DC5

  /// An empty list.
  @inlinable public init() {}

  /// Appends one parameter.
  @inlinable public mutating func add<Value: PostgresValue>(_ value: Value) {
    addRaw(type: Value.parameterType, isNull: value.isNull) { value.encode(into: &$0) }
  }

  @inlinable mutating func addRaw(
    type: UInt32, isNull: Bool = false, _ body: (inout [UInt8]) -> Void
  ) {
    count += 1
    signature = (signature ^ type) &* 0x0100_0193 | 1
    bytes.appendBigEndian(type)
    let lengthAt = bytes.count
    bytes.appendBigEndian(UInt32.max)
    guard !isNull else { return }
    body(&bytes)
    let length = UInt32(truncatingIfNeeded: bytes.count - lengthAt - 4)
    bytes.replaceBigEndian(length, at: lengthAt)
  }
}

extension [UInt8] {
  /// Appends a value as COPY and arrays have it: a length, −1 for NULL, and the bytes.
  @inlinable mutating func appendCell<Value: PostgresValue>(_ value: Value) {
    let lengthAt = count
    appendBigEndian(UInt32.max)
    guard !value.isNull else { return }
    value.encode(into: &self)
    replaceBigEndian(UInt32(truncatingIfNeeded: count - lengthAt - 4), at: lengthAt)
  }

  /// Appends an integer, most significant byte first, as PostgreSQL's binary formats want it.
  @inlinable public mutating func appendBigEndian<Integer: FixedWidthInteger>(_ value: Integer) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  /// Overwrites the four bytes at an index that `appendBigEndian` had reserved.
  @inlinable mutating func replaceBigEndian(_ value: UInt32, at index: Int) {
    self[index] = UInt8(truncatingIfNeeded: value >> 24)
    self[index + 1] = UInt8(truncatingIfNeeded: value >> 16)
    self[index + 2] = UInt8(truncatingIfNeeded: value >> 8)
    self[index + 3] = UInt8(truncatingIfNeeded: value)
  }
}
