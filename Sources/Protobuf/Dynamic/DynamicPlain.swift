/// The messages that stand for a JSON value themselves: wrappers of scalars, Struct, Value and
/// ListValue. Their fields are those of google/protobuf/wrappers.proto and struct.proto, whatever a
/// server's descriptors say, so that reading always goes deeper into the JSON.
extension DynamicMessage {
  private static let wrappers: [String: DescriptorPool.Kind] = [
    "google.protobuf.DoubleValue": .double, "google.protobuf.FloatValue": .float,
    "google.protobuf.Int64Value": .int64, "google.protobuf.UInt64Value": .uint64,
    "google.protobuf.Int32Value": .int32, "google.protobuf.UInt32Value": .uint32,
    "google.protobuf.BoolValue": .bool, "google.protobuf.StringValue": .string,
    "google.protobuf.BytesValue": .bytes,
  ]

  private static func field(of wrapper: String) -> DescriptorPool.Field? {
    wrappers[wrapper].map { DescriptorPool.Field(number: 1, kind: $0) }
  }

  /// Whether such a message is of these.
  static func isPlain(_ typeName: String) -> Bool {
    switch typeName {
    case "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue": true
    default: wrappers[typeName] != nil
    }
  }

  /// Reads such a message; false when it is none.
  mutating func readPlain(_ json: JSONValue) throws(JSONMappingError) -> Bool {
    switch typeName {
    case "google.protobuf.Struct":
      guard case .object(let object) = json else { throw JSONMappingError("must be an object") }
      values = [1: .map(try members(of: object))]
    case "google.protobuf.ListValue":
      guard case .array(let elements) = json else { throw JSONMappingError("must be an array") }
      values = [1: .list(try list(of: elements))]
    case "google.protobuf.Value": values = try anything(json)
    default:
      guard let field = Self.field(of: typeName) else { return false }
      values = [1: try single(json, field)]
    }
    return true
  }

  private func members(
    of object: JSONObject
  ) throws(JSONMappingError) -> [(key: Value, value: Value)] {
    var map: [(key: Value, value: Value)] = []
    for member in object.members {
      do throws(JSONMappingError) {
        let key = Value.string(try JSONMapping.string(.string(member.key)))
        map.append((key, try inner(member.value, "google.protobuf.Value")))
      } catch { throw error.nested(in: member.key) }
    }
    return map
  }

  private func list(of elements: [JSONValue]) throws(JSONMappingError) -> [Value] {
    var list: [Value] = []
    for (index, element) in elements.enumerated() {
      do throws(JSONMappingError) {
        list.append(try inner(element, "google.protobuf.Value"))
      } catch { throw error.nested(in: "[\(index)]") }
    }
    return list
  }

  private func anything(_ json: JSONValue) throws(JSONMappingError) -> [Int: Value] {
    switch json {
    case .null: [1: .signed(0)]
    case .number: [2: .double(try JSONMapping.double(json))]
    case .string: [3: .string(try JSONMapping.string(json))]
    case .bool(let bool): [4: .bool(bool)]
    case .object: [5: try inner(json, "google.protobuf.Struct")]
    case .array: [6: try inner(json, "google.protobuf.ListValue")]
    }
  }

  private func inner(_ json: JSONValue, _ name: String) throws(JSONMappingError) -> Value {
    .message(try DynamicMessage(json: json, as: name, in: pool))
  }

  // MARK: Writing

  /// The JSON of such a message; nil when it is none. A Value with nothing in it is null.
  var plainJSON: JSONValue? {
    switch typeName {
    case "google.protobuf.Struct":
      var object = JSONObject()
      guard case .map(let map)? = values[1] else { return .object(object) }
      for (key, value) in map.sorted(by: { Value.precedes($0.key, $1.key) }) {
        object.add(key.mapKey, Self.json(within: value))
      }
      return .object(object)
    case "google.protobuf.ListValue":
      guard case .list(let list)? = values[1] else { return .array([]) }
      return .array(list.map(Self.json(within:)))
    case "google.protobuf.Value": return values.values.first.map(Self.json(within:)) ?? .null
    default:
      guard let field = Self.field(of: typeName) else { return nil }
      return json(values[1] ?? .initial(field, in: pool), field)
    }
  }

  private static func json(within value: Value) -> JSONValue {
    switch value {
    case .message(let message): message.json
    case .double(let number): JSONMapping.json(number)
    case .string(let text): JSONMapping.json(text)
    case .bool(let bool): JSONMapping.json(bool)
    default: .null
    }
  }
}
