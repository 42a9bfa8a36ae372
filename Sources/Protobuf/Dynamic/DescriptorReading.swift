/// Reads descriptors: field numbers are those of google/protobuf/descriptor.proto.
extension DescriptorPool {
  mutating func add(file bytes: ArraySlice<UInt8>) throws(DecodeError) {
    var package = ""
    var isProto3 = false
    var parts: [(number: Int, bytes: ArraySlice<UInt8>)] = []
    var reader = WireReader(bytes)
    while let (number, value) = try reader.next() {
      guard case .bytes(let part) = value else { continue }
      switch number {
      case 1: files.insert(try Self.text(part))
      case 2: package = try Self.text(part)
      case 3: dependencies.insert(try Self.text(part))
      case 12: isProto3 = try Self.text(part) == "proto3"
      case 4, 5, 6: parts.append((number, part))
      default: break
      }
    }
    for (number, part) in parts {
      switch number {
      case 4: try addMessage(part, scope: package, isProto3: isProto3, depth: 1)
      case 5: try addEnum(part, scope: package)
      default: try addService(part, scope: package)
      }
    }
  }

  private static func text(_ bytes: ArraySlice<UInt8>) throws(DecodeError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw DecodeError(kind: .invalidUTF8, offset: 0)
    }
    return text
  }

  private static func join(_ scope: String, _ name: String) -> String {
    scope.isEmpty ? name : scope + "." + name
  }

  /// ".package.Name" → "package.Name".
  private static func reference(_ bytes: ArraySlice<UInt8>) throws(DecodeError) -> String {
    let name = try text(bytes)
    return name.hasPrefix(".") ? String(name.dropFirst()) : name
  }

  private mutating func addMessage(
    _ bytes: ArraySlice<UInt8>, scope: String, isProto3: Bool, depth: Int
  ) throws(DecodeError) {
    guard depth <= 16 else { throw DecodeError(kind: .tooDeep, offset: 0) }
    var shape = Shape(isProto3: isProto3)
    var inner: [(number: Int, bytes: ArraySlice<UInt8>)] = []
    var reader = WireReader(bytes)
    while let (number, value) = try reader.next() {
      guard case .bytes(let part) = value else { continue }
      switch number {
      case 1: shape.name = Self.join(scope, try Self.text(part))
      case 2: shape.fields.append(try Self.field(part))
      case 3, 4: inner.append((number, part))
      case 7: shape.isMapEntry = try Self.flag(7, in: part) ?? false
      case 8:
        var oneof = WireReader(part)
        while let (number, value) = try oneof.next() {
          if number == 1, case .bytes(let name) = value { shape.oneofs.append(try Self.text(name)) }
        }
      default: break
      }
    }
    messages[shape.name] = shape
    for (number, part) in inner {
      if number == 3 {
        try addMessage(part, scope: shape.name, isProto3: isProto3, depth: depth + 1)
      } else {
        try addEnum(part, scope: shape.name)
      }
    }
  }

  private static func flag(
    _ wanted: Int, in options: ArraySlice<UInt8>
  ) throws(DecodeError) -> Bool? {
    var flag: Bool?
    var reader = WireReader(options)
    while let (number, value) = try reader.next() {
      if number == wanted, case .varint(let bit) = value { flag = bit != 0 }
    }
    return flag
  }

  private static func field(_ bytes: ArraySlice<UInt8>) throws(DecodeError) -> Field {
    var field = Field()
    var reader = WireReader(bytes)
    while let (number, value) = try reader.next() {
      switch (number, value) {
      case (1, .bytes(let name)): field.name = try text(name)
      case (3, .varint(let number)): field.number = Int(truncatingIfNeeded: number)
      case (4, .varint(let label)): field.isRepeated = label == 3
      case (5, .varint(let kind)): field.kind = Kind(rawValue: kind) ?? .group
      case (6, .bytes(let name)): field.typeName = try reference(name)
      case (8, .bytes(let options)): field.packed = try flag(2, in: options)
      case (9, .varint(let index)): field.oneof = Int(truncatingIfNeeded: index)
      case (10, .bytes(let name)): field.jsonName = try text(name)
      case (17, .varint(let bit)): field.isOptional = bit != 0
      default: break
      }
    }
    if field.isOptional { field.oneof = nil }
    if field.jsonName.isEmpty { field.jsonName = FieldMaskFormat.text([field.name]) }
    return field
  }

  private mutating func addEnum(
    _ bytes: ArraySlice<UInt8>, scope: String
  ) throws(DecodeError) {
    var name = ""
    var enumeration = Enumeration()
    var reader = WireReader(bytes)
    while let (number, value) = try reader.next() {
      guard case .bytes(let part) = value else { continue }
      if number == 1 { name = Self.join(scope, try Self.text(part)) }
      guard number == 2 else { continue }
      var known = (name: "", number: Int32(0))
      var inner = WireReader(part)
      while let (number, value) = try inner.next() {
        switch (number, value) {
        case (1, .bytes(let name)): known.name = try Self.text(name)
        case (2, .varint(let bits)): known.number = Int32(truncatingIfNeeded: bits)
        default: break
        }
      }
      enumeration.values.append(known)
    }
    enums[name] = enumeration
  }

  private mutating func addService(
    _ bytes: ArraySlice<UInt8>, scope: String
  ) throws(DecodeError) {
    var service = ""
    var parts: [ArraySlice<UInt8>] = []
    var reader = WireReader(bytes)
    while let (number, value) = try reader.next() {
      guard case .bytes(let part) = value else { continue }
      if number == 1 { service = Self.join(scope, try Self.text(part)) }
      if number == 2 { parts.append(part) }
    }
    var methods: [Method] = []
    for part in parts {
      var name = ""
      var types = ["", ""]
      var streams = [false, false]
      var inner = WireReader(part)
      while let (number, value) = try inner.next() {
        switch (number, value) {
        case (1, .bytes(let text)): name = try Self.text(text)
        case (2, .bytes(let type)): types[0] = try Self.reference(type)
        case (3, .bytes(let type)): types[1] = try Self.reference(type)
        case (5, .varint(let bit)): streams[0] = bit != 0
        case (6, .varint(let bit)): streams[1] = bit != 0
        default: break
        }
      }
      methods.append(
        Method(
          path: "/\(service)/\(name)", inputType: types[0], outputType: types[1],
          clientStreaming: streams[0], serverStreaming: streams[1]))
    }
    services[service] = methods
  }
}
