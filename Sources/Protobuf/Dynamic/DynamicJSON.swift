/// Proto3 JSON, with the same answers as the generated mapping.
extension DynamicMessage {
  /// Reads proto3 JSON.
  /// - Parameters:
  ///   - json: the message.
  ///   - typeName: full name of the message.
  ///   - pool: where its type and those inside it are declared.
  public init(
    json: JSONValue, as typeName: String, in pool: DescriptorPool
  ) throws(JSONMappingError) {
    self.init(typeName, in: pool)
    guard pool.messages[typeName] != nil else {
      throw JSONMappingError("is of the unknown type \(typeName)")
    }
    if try readWellKnown(json) { return }
    guard case .object(let object) = json else { throw JSONMappingError("must be an object") }
    let shape = self.shape
    var seen: Set<Int> = []
    for member in object.members {
      guard let field = pool.field(member.key, of: shape) else {
        throw JSONMappingError("is not a field", at: member.key)
      }
      guard seen.insert(field.number).inserted else {
        throw JSONMappingError("is given twice", at: member.key)
      }
      if member.value == .null, field.isRepeated || !field.takesNull { continue }
      if let oneof = field.oneof,
        shape.fields.contains(where: { $0.oneof == oneof && values[$0.number] != nil })
      {
        let name = shape.oneofs.indices.contains(oneof) ? shape.oneofs[oneof] : "the oneof"
        throw JSONMappingError("only one field of \(name) may be set", at: member.key)
      }
      do throws(JSONMappingError) {
        values[field.number] = try value(of: member.value, field)
      } catch { throw error.nested(in: member.key) }
    }
  }

  private func value(
    of json: JSONValue, _ field: DescriptorPool.Field
  ) throws(JSONMappingError) -> Value {
    if let entry = pool.entry(of: field) { return try map(of: json, entry) }
    guard field.isRepeated else { return try single(json, field) }
    guard case .array(let elements) = json else { throw JSONMappingError("must be an array") }
    var list: [Value] = []
    for (index, element) in elements.enumerated() {
      do throws(JSONMappingError) {
        guard element != .null || field.takesNull else {
          throw JSONMappingError("must not be null")
        }
        list.append(try single(element, field))
      } catch { throw error.nested(in: "[\(index)]") }
    }
    return .list(list)
  }

  private func map(
    of json: JSONValue, _ entry: DescriptorPool.Shape
  ) throws(JSONMappingError) -> Value {
    guard case .object(let object) = json, let key = entry.fields.first,
      let value = entry.fields.last
    else { throw JSONMappingError("must be an object") }
    var map: [(key: Value, value: Value)] = []
    for member in object.members {
      do throws(JSONMappingError) {
        guard member.value != .null || value.takesNull else {
          throw JSONMappingError("must not be null")
        }
        map.append((try mapKey(member.key, key), try single(member.value, value)))
      } catch { throw error.nested(in: member.key) }
    }
    return .map(map)
  }

  private func mapKey(
    _ text: String, _ field: DescriptorPool.Field
  ) throws(JSONMappingError) -> Value {
    if field.kind == .bool, let key = Bool(mapKey: text) { return .bool(key) }
    guard field.kind != .bool, let key = try? single(.string(text), field) else {
      throw JSONMappingError("is not a valid key")
    }
    return key
  }

  func single(
    _ json: JSONValue, _ field: DescriptorPool.Field
  ) throws(JSONMappingError) -> Value {
    switch field.kind {
    case .bool: .bool(try JSONMapping.bool(json))
    case .string: .string(try JSONMapping.string(json))
    case .bytes: .bytes(try JSONMapping.bytes(json))
    case .int32, .sint32, .sfixed32: .signed(Int64(try JSONMapping.int32(json)))
    case .int64, .sint64, .sfixed64: .signed(try JSONMapping.int64(json))
    case .uint32, .fixed32: .unsigned(UInt64(try JSONMapping.uint32(json)))
    case .uint64, .fixed64: .unsigned(try JSONMapping.uint64(json))
    case .float: .float(try JSONMapping.float(json))
    case .double: .double(try JSONMapping.double(json))
    case .enumeration: .signed(Int64(try enumValue(json, field)))
    case .message, .group: .message(try DynamicMessage(json: json, as: field.typeName, in: pool))
    }
  }

  private func enumValue(
    _ json: JSONValue, _ field: DescriptorPool.Field
  ) throws(JSONMappingError) -> Int32 {
    switch json {
    case .null where field.takesNull: return 0
    case .string(let name):
      let values = pool.enums[field.typeName]?.values ?? []
      guard let known = values.first(where: { $0.name == name }) else {
        var numbers: Set<Int32> = []
        throw JSONMappingError.isNone(
          of: values.filter { numbers.insert($0.number).inserted }.map(\.name))
      }
      return known.number
    case .number: return try JSONMapping.int32(json)
    default: throw JSONMappingError("must be the name of an enum value")
    }
  }

  // MARK: Writing

  /// Proto3 JSON.
  public var json: JSONValue {
    if let json = wellKnownJSON { return json }
    var object = JSONObject()
    var oneofs: Set<Int> = []
    for field in shape.fields {
      // All of a oneof stands where its first field would, as in the generated mapping.
      guard let oneof = field.oneof else {
        add(field, to: &object)
        continue
      }
      guard oneofs.insert(oneof).inserted else { continue }
      for other in shape.fields where other.oneof == oneof { add(other, to: &object) }
    }
    return .object(object)
  }

  private func add(_ field: DescriptorPool.Field, to object: inout JSONObject) {
    guard let value = values[field.number] else { return }
    switch value {
    case .list(let list):
      if list.isEmpty { return }
      object.add(field.jsonName, .array(list.map { json($0, field) }))
    case .map(let map):
      guard !map.isEmpty, let entry = pool.entry(of: field), let valueField = entry.fields.last
      else { return }
      var members = JSONObject()
      for (key, value) in map.sorted(by: { Value.precedes($0.key, $1.key) }) {
        members.add(key.mapKey, json(value, valueField))
      }
      object.add(field.jsonName, .object(members))
    default:
      guard hasPresence(field) || !value.isDefault else { return }
      object.add(field.jsonName, json(value, field))
    }
  }

  func json(_ value: Value, _ field: DescriptorPool.Field) -> JSONValue {
    switch value {
    case .bool(let bool): return JSONMapping.json(bool)
    case .float(let number): return JSONMapping.json(number)
    case .double(let number): return JSONMapping.json(number)
    case .string(let text): return JSONMapping.json(text)
    case .bytes(let bytes): return JSONMapping.json(bytes)
    case .message(let message): return message.json
    case .unsigned(let number):
      let isSmall = field.kind == .uint32 || field.kind == .fixed32
      return isSmall ? .number(String(number)) : .string(String(number))
    case .signed(let number):
      switch field.kind {
      case .enumeration where field.takesNull: return .null
      case .enumeration:
        let known = pool.enums[field.typeName]?.values.first { Int64($0.number) == number }
        return known.map { .string($0.name) } ?? .number(String(number))
      case .int32, .sint32, .sfixed32: return .number(String(number))
      default: return .string(String(number))
      }
    case .list, .map: return .null
    }
  }
}
