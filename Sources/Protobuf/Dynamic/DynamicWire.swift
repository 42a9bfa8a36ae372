/// The wire coding, within the same bounds as that of generated messages.
extension DynamicMessage {
  /// Reads a message.
  /// - Parameters:
  ///   - bytes: exactly one serialised message.
  ///   - typeName: full name of the message.
  ///   - pool: where its type and those inside it are declared.
  public init(
    serialized bytes: [UInt8], as typeName: String, in pool: DescriptorPool,
    limits: DecodingLimits = .standard
  ) throws(DecodeError) {
    let table = pool.wireTable(of: typeName)
    try bytes.withUnsafeBufferPointer { (raw) throws(DecodeError) in
      try table.check(UnsafeRawBufferPointer(raw), limits: limits)
    }
    try self.init(checked: bytes[...], as: typeName, in: pool)
  }

  /// The bytes have passed the pre-scan, so that they are at most 16 messages deep.
  private init(
    checked bytes: ArraySlice<UInt8>, as typeName: String, in pool: DescriptorPool
  ) throws(DecodeError) {
    self.init(typeName, in: pool)
    let shape = self.shape
    let fields = Dictionary(
      shape.fields.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
    // A message field given twice is the merger of both, which is what their bytes in one say.
    var merged: [Int: [UInt8]] = [:]
    var reader = WireReader(bytes)
    while let (number, wire) = try reader.next() {
      guard let field = fields[number] else { continue }
      if let oneof = field.oneof {
        for other in shape.fields where other.oneof == oneof && other.number != number {
          values[other.number] = nil
          merged[other.number] = nil
        }
      }
      if field.isRepeated {
        try append(wire, to: field)
      } else if field.kind == .message, case .bytes(let inner) = wire {
        merged[number, default: []] += inner
        values[number] = .message(
          try DynamicMessage(checked: (merged[number] ?? [])[...], as: field.typeName, in: pool))
      } else {
        values[number] = try value(of: wire, field)
      }
    }
  }

  private mutating func append(
    _ wire: WireReader.Value, to field: DescriptorPool.Field
  ) throws(DecodeError) {
    if pool.entry(of: field) != nil { return try appendEntry(wire, to: field) }
    var list: [Value] = []
    if case .list(let known)? = values[field.number] { list = known }
    if field.kind.isPackable, case .bytes(let packed) = wire {
      var reader = WireReader(packed)
      while !reader.isAtEnd {
        switch field.kind.wireKind(isRepeated: true) {
        case .packedFixed32:
          let bits = UInt32(truncatingIfNeeded: try reader.fixed(4))
          list.append(try value(of: .fixed32(bits), field))
        case .packedFixed64: list.append(try value(of: .fixed64(try reader.fixed(8)), field))
        default: list.append(try value(of: .varint(try reader.varint()), field))
        }
      }
    } else {
      list.append(try value(of: wire, field))
    }
    values[field.number] = .list(list)
  }

  private mutating func appendEntry(
    _ wire: WireReader.Value, to field: DescriptorPool.Field
  ) throws(DecodeError) {
    guard let shape = pool.entry(of: field), let keyField = shape.fields.first,
      let valueField = shape.fields.last, case .message(let entry) = try value(of: wire, field)
    else { return }
    let key = entry.values[1] ?? .initial(keyField, in: pool)
    let value = entry.values[2] ?? .initial(valueField, in: pool)
    var map: [(key: Value, value: Value)] = []
    if case .map(let known)? = values[field.number] { map = known }
    map.removeAll { $0.key.mapKey == key.mapKey }
    map.append((key, value))
    values[field.number] = .map(map)
  }

  private func value(
    of wire: WireReader.Value, _ field: DescriptorPool.Field
  ) throws(DecodeError) -> Value {
    switch (field.kind, wire) {
    case (.bool, .varint(let bits)): return .bool(bits != 0)
    case (.int32, .varint(let bits)), (.enumeration, .varint(let bits)):
      return .signed(Int64(Int32(truncatingIfNeeded: bits)))
    case (.int64, .varint(let bits)): return .signed(Int64(bitPattern: bits))
    case (.uint32, .varint(let bits)): return .unsigned(UInt64(UInt32(truncatingIfNeeded: bits)))
    case (.uint64, .varint(let bits)): return .unsigned(bits)
    case (.sint32, .varint(let bits)):
      let half = UInt32(truncatingIfNeeded: bits)
      return .signed(Int64(Int32(bitPattern: half >> 1) ^ -Int32(bitPattern: half & 1)))
    case (.sint64, .varint(let bits)):
      return .signed(Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1))
    case (.fixed32, .fixed32(let bits)): return .unsigned(UInt64(bits))
    case (.fixed64, .fixed64(let bits)): return .unsigned(bits)
    case (.sfixed32, .fixed32(let bits)): return .signed(Int64(Int32(bitPattern: bits)))
    case (.sfixed64, .fixed64(let bits)): return .signed(Int64(bitPattern: bits))
    case (.float, .fixed32(let bits)): return .float(Float(bitPattern: bits))
    case (.double, .fixed64(let bits)): return .double(Double(bitPattern: bits))
    case (.string, .bytes(let bytes)): return .string(String(decoding: bytes, as: UTF8.self))
    case (.bytes, .bytes(let bytes)): return .bytes(Array(bytes))
    case (.message, .bytes(let bytes)):
      return .message(try DynamicMessage(checked: bytes, as: field.typeName, in: pool))
    default: throw DecodeError(kind: .wrongWireType, offset: 0)
    }
  }

  // MARK: Writing

  /// The message's bytes, fields by rising number.
  public func serialized() -> [UInt8] {
    var writer = WireWriter()
    for field in shape.fields.sorted(by: { $0.number < $1.number }) {
      guard let value = values[field.number] else { continue }
      switch value {
      case .list(let list): write(list, field, &writer)
      case .map(let map): write(map, field, &writer)
      default:
        if hasPresence(field) || !value.isDefault { Self.write(value, field, &writer) }
      }
    }
    return writer.bytes
  }

  private func write(_ list: [Value], _ field: DescriptorPool.Field, _ writer: inout WireWriter) {
    guard !list.isEmpty else { return }
    guard field.kind.isPackable, field.packed ?? shape.isProto3 else {
      for value in list { Self.write(value, field, &writer) }
      return
    }
    var packed = WireWriter()
    for value in list { Self.writeBare(value, field.kind, &packed) }
    writer.bytes(field.number, packed.bytes)
  }

  private func write(
    _ map: [(key: Value, value: Value)], _ field: DescriptorPool.Field, _ writer: inout WireWriter
  ) {
    for (key, value) in map.sorted(by: { Value.precedes($0.key, $1.key) }) {
      var entry = DynamicMessage(field.typeName, in: pool)
      entry.values = [1: key, 2: value]
      writer.bytes(field.number, entry.serialized())
    }
  }

  private static func write(
    _ value: Value, _ field: DescriptorPool.Field, _ writer: inout WireWriter
  ) {
    switch field.kind.wireKind(isRepeated: false) {
    case .fixed32: writer.tag(field.number, 5)
    case .fixed64: writer.tag(field.number, 1)
    case .string, .bytes, .message: writer.tag(field.number, 2)
    default: writer.tag(field.number, 0)
    }
    writeBare(value, field.kind, &writer)
  }

  private static func writeBare(
    _ value: Value, _ kind: DescriptorPool.Kind, _ writer: inout WireWriter
  ) {
    switch value {
    case .bool(let bool): writer.varint(bool ? 1 : 0)
    case .signed(let number):
      switch kind {
      case .sint32, .sint64: writer.varint(UInt64(bitPattern: number << 1 ^ number >> 63))
      case .sfixed32: writer.fixed(UInt64(bitPattern: number), 4)
      case .sfixed64: writer.fixed(UInt64(bitPattern: number), 8)
      default: writer.varint(UInt64(bitPattern: number))
      }
    case .unsigned(let number):
      switch kind {
      case .fixed32: writer.fixed(number, 4)
      case .fixed64: writer.fixed(number, 8)
      default: writer.varint(number)
      }
    case .float(let number): writer.fixed(UInt64(number.bitPattern), 4)
    case .double(let number): writer.fixed(number.bitPattern, 8)
    case .string(let text): writeLengthDelimited(Array(text.utf8), &writer)
    case .bytes(let bytes): writeLengthDelimited(bytes, &writer)
    case .message(let message): writeLengthDelimited(message.serialized(), &writer)
    case .list, .map: break
    }
  }

  private static func writeLengthDelimited(_ bytes: [UInt8], _ writer: inout WireWriter) {
    writer.varint(UInt64(bytes.count))
    writer.append(bytes)
  }
}
