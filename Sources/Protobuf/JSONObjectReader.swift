/// Walks the members of a message's JSON object; called by generated code.
public struct JSONObjectReader {
  private let members: [JSONObject.Member]
  private var index = -1
  private var seen: Set<Int> = []

  /// - Throws: when the JSON is not an object.
  public init(_ json: JSONValue) throws(JSONMappingError) {
    guard case .object(let object) = json else { throw JSONMappingError("must be an object") }
    members = object.members
  }

  /// Goes to the next member; its key, or nil after the last.
  public mutating func next() -> String? {
    index += 1
    return index < members.count ? members[index].key : nil
  }

  private var member: JSONObject.Member {
    members.indices.contains(index) ? members[index] : JSONObject.Member(key: "", value: .null)
  }

  /// The current member names no field.
  public func unknown() -> JSONMappingError {
    JSONMappingError("is not a field", at: member.key)
  }

  /// The current member sets a oneof of which another field is set.
  public func second(of oneof: String) -> JSONMappingError {
    JSONMappingError("only one field of \(oneof) may be set", at: member.key)
  }

  /// Reads a single value; nil for null, which stands for an absent field.
  public mutating func one<Value>(
    _ field: Int, _ read: (JSONValue) throws(JSONMappingError) -> Value
  ) throws(JSONMappingError) -> Value? {
    try once(field)
    guard member.value != .null else { return nil }
    do { return try read(member.value) } catch { throw error.nested(in: member.key) }
  }

  /// Reads a repeated field; nil for null.
  public mutating func list<Value>(
    _ field: Int, _ read: (JSONValue) throws(JSONMappingError) -> Value
  ) throws(JSONMappingError) -> [Value]? {
    try once(field)
    if member.value == .null { return nil }
    guard case .array(let elements) = member.value else {
      throw JSONMappingError("must be an array", at: member.key)
    }
    var list: [Value] = []
    list.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      do throws(JSONMappingError) {
        guard element != .null else { throw JSONMappingError("must not be null") }
        list.append(try read(element))
      } catch { throw error.nested(in: "[\(index)]").nested(in: member.key) }
    }
    return list
  }

  /// Reads a map field; nil for null.
  public mutating func map<Key: ProtoMapKey, Value>(
    _ field: Int, _ read: (JSONValue) throws(JSONMappingError) -> Value
  ) throws(JSONMappingError) -> [Key: Value]? {
    try once(field)
    if member.value == .null { return nil }
    guard case .object(let object) = member.value else {
      throw JSONMappingError("must be an object", at: member.key)
    }
    var map: [Key: Value] = [:]
    for entry in object.members {
      do throws(JSONMappingError) {
        guard let key = Key(mapKey: entry.key) else {
          throw JSONMappingError("is not a valid key")
        }
        guard entry.value != .null else { throw JSONMappingError("must not be null") }
        map[key] = try read(entry.value)
      } catch { throw error.nested(in: entry.key).nested(in: member.key) }
    }
    return map
  }

  /// One field may be named once, by its JSON name or its proto name.
  private mutating func once(_ field: Int) throws(JSONMappingError) {
    guard seen.insert(field).inserted else {
      throw JSONMappingError("is given twice", at: member.key)
    }
  }
}
