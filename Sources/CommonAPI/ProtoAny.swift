public import Protobuf

extension ProtoAny {
  /// Packs a message.
  public init(_ message: some Message) {
    self.init(
      typeURL: ProtoAny.prefix + type(of: message).fullName, value: message.serialized())
  }

  /// The full name of the message inside.
  public var messageName: String {
    typeURL.split(separator: "/").last.map(String.init) ?? ""
  }

  /// The message inside; nil when it is of another type or cannot be read.
  public func unpacked<Inner: Message>(as type: Inner.Type = Inner.self) -> Inner? {
    guard messageName == Inner.fullName else { return nil }
    return try? Inner(serialized: value)
  }

  private static let prefix = "type.googleapis.com/"

  /// The types of this room by name: what details of a status are made of.
  private static let known: [String: any Message.Type] = Dictionary(
    CommonFiles.messages.map { ($0.fullName, $0) }, uniquingKeysWith: { first, _ in first })

  /// Messages whose JSON is no object, which stands under "value" then.
  private static let wrapped: Set<String> = [
    Timestamp.fullName, ProtoDuration.fullName, FieldMask.fullName,
  ]

  /// The message's fields beside "@type". Messages of other rooms are read from base64 "value".
  public init(json: JSONValue) throws(JSONMappingError) {
    guard case .object(var object) = json else { throw JSONMappingError("must be an object") }
    guard case .string(let url)? = object["@type"] else {
      if object.isEmpty {
        self.init()
        return
      }
      throw JSONMappingError("must be the URL of a type", at: "@type")
    }
    object["@type"] = nil
    self.init(typeURL: url)
    guard let type = ProtoAny.known[messageName] else {
      value = try ProtoAny.only("value", in: object) { json throws(JSONMappingError) in
        try JSONMapping.bytes(json)
      }
      return
    }
    if ProtoAny.wrapped.contains(messageName) {
      value = try ProtoAny.only("value", in: object) { json throws(JSONMappingError) in
        try ProtoAny.bytes(of: json, type)
      }
    } else {
      value = try ProtoAny.bytes(of: .object(object), type)
    }
  }

  private static func bytes(
    of json: JSONValue, _ type: any Message.Type
  ) throws(JSONMappingError) -> [UInt8] {
    try type.init(json: json).serialized()
  }

  private static func only(
    _ key: String, in object: JSONObject,
    _ read: (JSONValue) throws(JSONMappingError) -> [UInt8]
  ) throws(JSONMappingError) -> [UInt8] {
    for member in object.members where member.key != key {
      throw JSONMappingError("is not a field", at: member.key)
    }
    guard let value = object[key] else { return [] }
    do { return try read(value) } catch { throw error.nested(in: key) }
  }

  /// The message's fields beside "@type"; base64 under "value" for messages of other rooms.
  public var json: JSONValue {
    if typeURL.isEmpty, value.isEmpty { return .object(JSONObject()) }
    var object = JSONObject()
    object.add("@type", .string(typeURL))
    guard let type = ProtoAny.known[messageName], let inner = try? type.init(serialized: value)
    else {
      object.add("value", JSONMapping.json(value))
      return .object(object)
    }
    if case .object(let fields) = inner.json, !ProtoAny.wrapped.contains(messageName) {
      for member in fields.members { object.add(member.key, member.value) }
    } else {
      object.add("value", inner.json)
    }
    return .object(object)
  }
}
