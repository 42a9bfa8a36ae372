/// Any JSON value. Numbers keep their spelling, so that nothing is lost between int64 and double.
public indirect enum JSONValue: Sendable, Hashable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number as written, such as "1e3".
  case number(String)
  /// A string.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object, in the order of its keys as written.
  case object(JSONObject)

  /// The value of a key when this is an object that has it.
  public subscript(key: String) -> JSONValue? {
    if case .object(let object) = self { return object[key] }
    return nil
  }

  /// The string when this is one.
  public var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The elements when this is an array.
  public var array: [JSONValue]? {
    if case .array(let elements) = self { return elements }
    return nil
  }
}

/// The members of a JSON object, in order.
public struct JSONObject: Sendable, Hashable, ExpressibleByDictionaryLiteral {
  /// A key and its value.
  public struct Member: Sendable, Hashable {
    /// The key.
    public var key: String
    /// The value.
    public var value: JSONValue
  }

  /// Key and value pairs in order; keys differ.
  public private(set) var members: [Member] = []

  /// An empty object.
  public init() {}

  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    for (key, value) in elements { self[key] = value }
  }

  /// The value of a key; setting nil removes it, setting a new key puts it last.
  public subscript(key: String) -> JSONValue? {
    get { members.first { $0.key == key }?.value }
    set {
      let index = members.firstIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(key: key, value: value))
      case (nil, nil): break
      }
    }
  }

  /// Adds a member whose key is known to be new.
  public mutating func add(_ key: String, _ value: JSONValue) {
    members.append(Member(key: key, value: value))
  }

  /// Whether there is no member.
  public var isEmpty: Bool { members.isEmpty }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .number(String(value)) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = JSONObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}

/// A bound on what is read as JSON.
public enum JSONBound: String, Sendable, Hashable, CaseIterable {
  /// Values inside each other.
  case depth
  /// Keys of all objects.
  case keys
  /// Characters of one number.
  case numberLength = "number_length"

  /// What is still read.
  public var max: Int {
    switch self {
    case .depth, .numberLength: 32
    case .keys: 10_000
    }
  }
}

/// Why bytes are no JSON text.
public struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was wrong.
  public let reason: String
  /// Where, in bytes from the start.
  public let offset: Int
  /// The bound that was reached; nil for what is no JSON at all.
  public let bound: JSONBound?

  public var description: String { "not JSON: \(reason) at byte \(offset)" }
}
