/// The messages whose JSON is not an object of their fields.
extension DynamicMessage {
  /// Reads such a message; false when it is none.
  mutating func readWellKnown(_ json: JSONValue) throws(JSONMappingError) -> Bool {
    switch typeName {
    case "google.protobuf.Timestamp":
      guard case .string(let text) = json, let time = TimeFormat.timestamp(text) else {
        throw JSONMappingError("must be an RFC 3339 time, such as \"2026-01-31T10:00:00Z\"")
      }
      values = [1: .signed(time.seconds), 2: .signed(Int64(time.nanos))]
    case "google.protobuf.Duration":
      guard case .string(let text) = json, let length = TimeFormat.duration(text) else {
        throw JSONMappingError("must be a number of seconds, such as \"1.5s\"")
      }
      values = [1: .signed(length.seconds), 2: .signed(Int64(length.nanos))]
    case "google.protobuf.FieldMask":
      guard case .string(let text) = json, let paths = FieldMaskFormat.paths(text) else {
        throw JSONMappingError("must be field names joined by commas, such as \"givenName,email\"")
      }
      values = [1: .list(paths.map(Value.string))]
    case "google.protobuf.Any": try readAny(json)
    default: return try readPlain(json)
    }
    return true
  }

  /// The JSON of such a message; nil when it is none.
  var wellKnownJSON: JSONValue? {
    switch typeName {
    case "google.protobuf.Timestamp":
      TimeFormat.timestamp(seconds: number(1), nanos: Int32(clamping: number(2)))
        .map(JSONValue.string) ?? .null
    case "google.protobuf.Duration":
      TimeFormat.duration(seconds: number(1), nanos: Int32(clamping: number(2)))
        .map(JSONValue.string) ?? .null
    case "google.protobuf.FieldMask": .string(FieldMaskFormat.text(paths))
    case "google.protobuf.Any": anyJSON
    default: plainJSON
    }
  }

  private func number(_ field: Int) -> Int64 {
    if case .signed(let number)? = values[field] { return number }
    return 0
  }

  private var paths: [String] {
    guard case .list(let list)? = values[1] else { return [] }
    return list.compactMap { if case .string(let path) = $0 { path } else { nil } }
  }

  // MARK: Any

  /// Whether the JSON of a message within an Any stands under "value".
  private static func isWrapped(_ name: String) -> Bool {
    switch name {
    case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask": true
    default: isPlain(name)
    }
  }

  private static func messageName(_ url: String) -> String {
    url.split(separator: "/").last.map(String.init) ?? ""
  }

  private mutating func readAny(_ json: JSONValue) throws(JSONMappingError) {
    guard case .object(var object) = json else { throw JSONMappingError("must be an object") }
    guard case .string(let url)? = object["@type"] else {
      if object.isEmpty { return }
      throw JSONMappingError("must be the URL of a type", at: "@type")
    }
    object["@type"] = nil
    values[1] = .string(url)
    let name = Self.messageName(url)
    let isKnown = pool.isTransparent(name)
    guard !isKnown || Self.isWrapped(name) else {
      let inner = try DynamicMessage(json: .object(object), as: name, in: pool)
      values[2] = .bytes(inner.serialized())
      return
    }
    for member in object.members where member.key != "value" {
      throw JSONMappingError("is not a field", at: member.key)
    }
    guard let value = object["value"] else { return }
    do throws(JSONMappingError) {
      let bytes =
        isKnown
        ? try DynamicMessage(json: value, as: name, in: pool).serialized()
        : try JSONMapping.bytes(value)
      values[2] = .bytes(bytes)
    } catch { throw error.nested(in: "value") }
  }

  private var anyJSON: JSONValue {
    var url = ""
    var bytes: [UInt8] = []
    if case .string(let text)? = values[1] { url = text }
    if case .bytes(let content)? = values[2] { bytes = content }
    if url.isEmpty, bytes.isEmpty { return .object(JSONObject()) }
    var object = JSONObject()
    object.add("@type", .string(url))
    let name = Self.messageName(url)
    guard pool.isTransparent(name),
      let inner = try? DynamicMessage(serialized: bytes, as: name, in: pool)
    else {
      object.add("value", JSONMapping.json(bytes))
      return .object(object)
    }
    if case .object(let fields) = inner.json, !Self.isWrapped(name) {
      for member in fields.members { object.add(member.key, member.value) }
    } else {
      object.add("value", inner.json)
    }
    return .object(object)
  }
}
