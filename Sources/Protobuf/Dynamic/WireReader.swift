/// Walks the fields of one message, without a schema. Every read is compared with the end.
struct WireReader {
  enum Value {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  /// A tag has 32 bits; one with zeros behind them is refused, as the C library and upb do.
  static let tagBytesMax = 5

  private let bytes: ArraySlice<UInt8>
  private var index: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    index = bytes.startIndex
  }

  var isAtEnd: Bool { index == bytes.endIndex }

  private func failure(_ kind: DecodeError.Kind) -> DecodeError {
    DecodeError(kind: kind, offset: index - bytes.startIndex)
  }

  /// The next field; nil at the end.
  mutating func next() throws(DecodeError) -> (number: Int, value: Value)? {
    guard !isAtEnd else { return nil }
    let start = index
    let tag = try varint()
    guard tag <= UInt64(UInt32.max), index - start <= Self.tagBytesMax else {
      throw failure(.malformedVarint)
    }
    guard tag >> 3 > 0 else { throw failure(.malformedTag) }
    let value: Value
    switch tag & 7 {
    case 0: value = .varint(try varint())
    case 1: value = .fixed64(try fixed(8))
    case 2:
      let length = try varint()
      guard length <= UInt64(bytes.endIndex - index) else { throw failure(.truncated) }
      let end = index + Int(length)
      value = .bytes(bytes[index..<end])
      index = end
    case 5: value = .fixed32(UInt32(truncatingIfNeeded: try fixed(4)))
    case 3, 4: throw failure(.group)
    default: throw failure(.malformedTag)
    }
    return (Int(tag >> 3), value)
  }

  mutating func varint() throws(DecodeError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard index < bytes.endIndex else { throw failure(.truncated) }
      let byte = bytes[index]
      if shift == 63, byte > 1 { throw failure(.malformedVarint) }
      index += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw failure(.malformedVarint)
  }

  /// Little-endian.
  mutating func fixed(_ count: Int) throws(DecodeError) -> UInt64 {
    guard count <= bytes.endIndex - index else { throw failure(.truncated) }
    var value: UInt64 = 0
    for place in 0..<count { value |= UInt64(bytes[index + place]) << UInt64(8 * place) }
    index += count
    return value
  }
}

/// Writes fields.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func fixed(_ value: UInt64, _ count: Int) {
    for place in 0..<count {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * place)))
    }
  }

  mutating func tag(_ number: Int, _ wireType: UInt64) {
    varint(UInt64(truncatingIfNeeded: number) << 3 | wireType)
  }

  mutating func append(_ value: [UInt8]) { bytes += value }

  mutating func bytes(_ number: Int, _ value: [UInt8]) {
    tag(number, 2)
    varint(UInt64(value.count))
    bytes += value
  }
}
