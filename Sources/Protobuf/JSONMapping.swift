/// What stands in proto3 JSON as a value of its own shape.
public protocol JSONMappable {
  /// Reads the value.
  init(json: JSONValue) throws(JSONMappingError)
  /// The value in JSON.
  var json: JSONValue { get }
}

/// Why JSON is not the message it should be, and where; shown to callers.
public struct JSONMappingError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The place by JSON names, such as "contactPoints[2].email"; empty for the message itself.
  public var path: String
  /// What was wrong, such as "must be a string".
  public var reason: String

  /// - Parameters:
  ///   - reason: what was wrong.
  ///   - path: the place by JSON names.
  public init(_ reason: String, at path: String = "") {
    self.reason = reason
    self.path = path
  }

  public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }

  /// A value of an enum that is not declared.
  static func isNone(of names: [String]) -> JSONMappingError {
    JSONMappingError("is none of \(names.joined(separator: ", "))")
  }

  /// The same error seen from the message around it.
  /// - Parameter step: a field's JSON name, or an index in brackets.
  public func nested(in step: String) -> JSONMappingError {
    let joint = path.isEmpty || path.hasPrefix("[") ? "" : "."
    return JSONMappingError(reason, at: step + joint + path)
  }
}

/// Proto3 JSON of the scalar types.
public enum JSONMapping {
  // MARK: Reading

  /// A bool field.
  public static func bool(_ json: JSONValue) throws(JSONMappingError) -> Bool {
    guard case .bool(let value) = json else { throw JSONMappingError("must be true or false") }
    return value
  }

  /// A string field; NUL is refused as it is on the wire.
  public static func string(_ json: JSONValue) throws(JSONMappingError) -> String {
    guard case .string(let value) = json else { throw JSONMappingError("must be a string") }
    guard !value.utf8.contains(0) else { throw JSONMappingError("must not contain NUL") }
    return value
  }

  /// A bytes field: base64, standard or URL-safe, padded or not.
  public static func bytes(_ json: JSONValue) throws(JSONMappingError) -> [UInt8] {
    guard case .string(let text) = json else { throw JSONMappingError("must be a base64 string") }
    guard let bytes = Base64.decode(text) else { throw JSONMappingError("must be base64") }
    return bytes
  }

  /// An int32, sint32 or sfixed32 field: a number or a string.
  public static func int32(_ json: JSONValue) throws(JSONMappingError) -> Int32 {
    try integer(json, "a whole number between -2147483648 and 2147483647")
  }

  /// A uint32 or fixed32 field: a number or a string.
  public static func uint32(_ json: JSONValue) throws(JSONMappingError) -> UInt32 {
    try integer(json, "a whole number between 0 and 4294967295")
  }

  /// An int64, sint64 or sfixed64 field: a number or a string.
  public static func int64(_ json: JSONValue) throws(JSONMappingError) -> Int64 {
    try integer(json, "a whole number of 64 bits")
  }

  /// A uint64 or fixed64 field: a number or a string.
  public static func uint64(_ json: JSONValue) throws(JSONMappingError) -> UInt64 {
    try integer(json, "a whole number of 64 bits, not negative")
  }

  private static func integer<Value: FixedWidthInteger>(
    _ json: JSONValue, _ expected: String
  ) throws(JSONMappingError) -> Value {
    let literal: String
    switch json {
    case .number(let text), .string(let text): literal = text
    default: throw JSONMappingError("must be \(expected)")
    }
    guard let value: Value = Decimal(literal)?.integer() else {
      throw JSONMappingError("must be \(expected)")
    }
    return value
  }

  /// A double field: a number, a string, "NaN", "Infinity" or "-Infinity".
  public static func double(_ json: JSONValue) throws(JSONMappingError) -> Double {
    try real(json, Double.init)
  }

  /// A float field: a number, a string, "NaN", "Infinity" or "-Infinity".
  public static func float(_ json: JSONValue) throws(JSONMappingError) -> Float {
    try real(json, Float.init)
  }

  private static func real<Value: BinaryFloatingPoint>(
    _ json: JSONValue, _ parse: (String) -> Value?
  ) throws(JSONMappingError) -> Value {
    let literal: String
    switch json {
    case .string("NaN"): return .nan
    case .string("Infinity"): return .infinity
    case .string("-Infinity"): return -.infinity
    case .number(let text), .string(let text): literal = text
    default: throw JSONMappingError("must be a number")
    }
    guard Decimal(literal) != nil, let value = parse(literal) else {
      throw JSONMappingError("must be a number")
    }
    guard value.isFinite else { throw JSONMappingError("is out of range") }
    return value
  }

  // MARK: Writing

  /// A bool field.
  public static func json(_ value: Bool) -> JSONValue { .bool(value) }
  /// A string field.
  public static func json(_ value: String) -> JSONValue { .string(value) }
  /// A bytes field, as padded standard base64.
  public static func json(_ value: [UInt8]) -> JSONValue { .string(Base64.encode(value)) }
  /// A 32-bit field.
  public static func json(_ value: Int32) -> JSONValue { .number(String(value)) }
  /// A 32-bit field.
  public static func json(_ value: UInt32) -> JSONValue { .number(String(value)) }
  /// A 64-bit field, as a string: JSON readers with doubles would round a number.
  public static func json(_ value: Int64) -> JSONValue { .string(String(value)) }
  /// A 64-bit field, as a string: JSON readers with doubles would round a number.
  public static func json(_ value: UInt64) -> JSONValue { .string(String(value)) }
  /// A double field.
  public static func json(_ value: Double) -> JSONValue { real(value) }
  /// A float field.
  public static func json(_ value: Float) -> JSONValue {
    // The shortest spelling of the largest float is past it, and refused by other readers.
    abs(value) == .greatestFiniteMagnitude ? real(Double(value)) : real(value)
  }
  /// A message or enum field.
  public static func json(_ value: some JSONMappable) -> JSONValue { value.json }

  private static func real<Value: BinaryFloatingPoint & CustomStringConvertible>(
    _ value: Value
  ) -> JSONValue {
    if value.isNaN { return .string("NaN") }
    if value.isInfinite { return .string(value < 0 ? "-Infinity" : "Infinity") }
    // Swift spells the shortest decimal that reads back the same.
    let text = value.description
    // A whole number needs no ".0", but "-0" is a whole number without a sign to some.
    return .number(text.hasSuffix(".0") && value != 0 ? String(text.dropLast(2)) : text)
  }

  /// A map field, in the order of its keys.
  public static func json<Key: ProtoMapKey, Value>(
    _ map: [Key: Value], _ write: (Value) -> JSONValue
  ) -> JSONValue {
    var object = JSONObject()
    for (key, value) in map.sorted(by: { Key.precedes($0.key, $1.key) }) {
      object.add(key.mapKey, write(value))
    }
    return .object(object)
  }
}
