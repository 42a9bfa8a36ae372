/// One pass over a message's bytes, without recursion and without allocation.
///
/// Every read is behind a comparison with the end of the message that holds it; offsets never
/// exceed the number of bytes, so that plain arithmetic on them cannot overflow.
struct WireScan {
  /// A message being scanned.
  struct Frame {
    let end: Int
    let message: Int
  }

  private let bytes: UnsafeRawPointer
  private let fields: UnsafeBufferPointer<WireTable.Field>
  private let starts: UnsafeBufferPointer<Int>
  private let stack: UnsafeMutableBufferPointer<Frame>
  private let depthLimit: Int
  private var fieldsLeft: Int
  private var unknownLeft: Int
  private var offset = 0
  private var depth = 1
  private var end: Int
  private var message = 0

  init(
    bytes: UnsafeRawPointer, fields: UnsafeBufferPointer<WireTable.Field>,
    starts: UnsafeBufferPointer<Int>, stack: UnsafeMutableBufferPointer<Frame>,
    limits: DecodingLimits, end: Int
  ) {
    self.bytes = bytes
    self.fields = fields
    self.starts = starts
    self.stack = stack
    self.depthLimit = min(limits.depth, stack.count)
    self.fieldsLeft = limits.fields
    self.unknownLeft = limits.unknownFields
    self.end = end
  }

  mutating func run() throws(DecodeError) {
    while true {
      while offset == end {
        depth &-= 1
        guard depth > 0 else { return }
        let outer = stack[depth &- 1]
        end = outer.end
        message = outer.message
      }
      try field()
    }
  }

  private mutating func field() throws(DecodeError) {
    let start = offset
    let tag = try varint()
    guard tag <= UInt64(UInt32.max), offset &- start <= WireReader.tagBytesMax else {
      throw failure(.malformedVarint)
    }
    let number = UInt32(truncatingIfNeeded: tag) >> 3
    guard number > 0 else { throw failure(.malformedTag) }
    try count(1)
    guard let field = lookUp(number) else {
      guard unknownLeft > 0 else { throw failure(.tooManyUnknownFields) }
      unknownLeft &-= 1
      return try skip(wireType: tag & 7)
    }
    try value(of: field, wireType: tag & 7)
  }

  private mutating func value(
    of field: WireTable.Field, wireType: UInt64
  ) throws(DecodeError) {
    if wireType == 2 {
      let length = try length()
      switch field.kind {
      case .bytes: offset += length
      case .string: try text(length)
      case .message: try enter(Int(field.nested), length)
      case .packedVarint: try packedVarints(length)
      case .packedFixed32: try packedFixed(length, size: 4)
      case .packedFixed64: try packedFixed(length, size: 8)
      case .varint, .fixed32, .fixed64: throw failure(.wrongWireType)
      }
      return
    }
    let declared: UInt64
    switch field.kind {
    case .varint, .packedVarint: declared = 0
    case .fixed64, .packedFixed64: declared = 1
    case .fixed32, .packedFixed32: declared = 5
    case .string, .bytes, .message: declared = 2
    }
    guard wireType == declared else { throw failure(.wrongWireType) }
    try skip(wireType: wireType)
  }

  private func failure(_ kind: DecodeError.Kind) -> DecodeError {
    DecodeError(kind: kind, offset: offset)
  }

  private mutating func count(_ elements: Int) throws(DecodeError) {
    guard elements <= fieldsLeft else { throw failure(.tooManyFields) }
    fieldsLeft &-= elements
  }

  /// Numbers are mostly dense from 1, so the first guess mostly hits.
  private func lookUp(_ number: UInt32) -> WireTable.Field? {
    var low = starts[message]
    var high = starts[message &+ 1]
    let guess = low &+ Int(number) &- 1
    if guess < high, fields[guess].number == number { return fields[guess] }
    while low < high {
      let middle = low &+ (high &- low) / 2
      let field = fields[middle]
      if field.number == number { return field }
      if field.number < number { low = middle &+ 1 } else { high = middle }
    }
    return nil
  }

  // MARK: Values

  private mutating func varint() throws(DecodeError) -> UInt64 {
    guard offset < end else { throw failure(.truncated) }
    let first = bytes.load(fromByteOffset: offset, as: UInt8.self)
    offset += 1
    if first < 0x80 { return UInt64(first) }
    var value = UInt64(first & 0x7F)
    var shift: UInt64 = 7
    while true {
      guard offset < end else { throw failure(.truncated) }
      let byte = bytes.load(fromByteOffset: offset, as: UInt8.self)
      // The tenth byte holds the last bit and ends the number.
      if shift == 63, byte > 1 { throw failure(.malformedVarint) }
      offset += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }

  /// The length of what follows, all of it within the message.
  private mutating func length() throws(DecodeError) -> Int {
    let length = try varint()
    guard length <= UInt64(end - offset) else { throw failure(.truncated) }
    return Int(truncatingIfNeeded: length)
  }

  private mutating func skip(wireType: UInt64) throws(DecodeError) {
    switch wireType {
    case 0: _ = try varint()
    case 1: try advance(8)
    case 2: offset += try length()
    case 3, 4: throw failure(.group)
    case 5: try advance(4)
    default: throw failure(.malformedTag)
    }
  }

  private mutating func advance(_ count: Int) throws(DecodeError) {
    guard count <= end - offset else { throw failure(.truncated) }
    offset += count
  }

  private mutating func enter(_ nested: Int, _ length: Int) throws(DecodeError) {
    guard depth < depthLimit else { throw failure(.tooDeep) }
    stack[depth - 1] = Frame(end: end, message: message)
    depth += 1
    end = offset + length
    message = nested
  }

  private mutating func packedVarints(_ length: Int) throws(DecodeError) {
    let outer = end
    end = offset + length
    while offset < end {
      try count(1)
      _ = try varint()
    }
    end = outer
  }

  private mutating func packedFixed(_ length: Int, size: Int) throws(DecodeError) {
    guard length % size == 0 else { throw failure(.truncated) }
    try count(length / size)
    offset += length
  }

  private mutating func text(_ length: Int) throws(DecodeError) {
    let text = UnsafeRawBufferPointer(start: bytes + offset, count: length)
    switch UTF8Check.check(text) {
    case .fine: offset += length
    case .nul: throw failure(.nulInString)
    case .invalid: throw failure(.invalidUTF8)
    }
  }
}
