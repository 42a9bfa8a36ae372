import GRPC
import Protobuf

/// Fills request fields from a query: `pageSize=20&client.givenName=Ada&labels=a&labels=b`.
struct QueryFields {
  private static let pairsMax = 100

  private let shapes: MessageShapes
  private let message: String
  /// Every field that was not understood.
  private(set) var violations: [FieldViolation] = []

  /// - Parameter message: the full name of the request.
  init(_ message: String, shapes: MessageShapes) {
    self.message = message
    self.shapes = shapes
  }

  /// Sets what the query says in the object.
  ///
  /// - Parameters:
  ///   - query: percent-encoded, without the question mark.
  ///   - taken: fields that the path fills already.
  mutating func read(_ query: String, into object: inout JSONObject, taken: Set<[String]>) {
    guard !query.isEmpty else { return }
    let pairs = query.split(separator: "&", omittingEmptySubsequences: true)
    guard pairs.count <= Self.pairsMax else { return refuse("", "the query has too many parts") }
    for pair in pairs {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count == 2 ? parts[1] : ""
      guard let name = PercentCoding.decode(parts[0], plusIsBlank: true),
        let text = PercentCoding.decode(value, plusIsBlank: true)
      else {
        refuse(String(parts[0].prefix(100)), "is not percent-encoded UTF-8")
        continue
      }
      set(name, text, in: &object, taken: taken)
    }
  }

  private mutating func set(
    _ name: String, _ text: String, in object: inout JSONObject, taken: Set<[String]>
  ) {
    let path = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.count <= 8, let fields = shapes.fields(along: path, from: message),
      let field = fields.last
    else { return refuse(String(name.prefix(100)), "is no field of the request") }
    guard !taken.contains(fields.map(\.name)) else { return refuse(name, "is given by the path") }
    guard field.isScalar else { return refuse(name, "cannot be given in the query") }
    guard let value = Self.value(text, field.kind) else {
      return refuse(name, "must be true or false")
    }
    if !Self.put(value, field.isRepeated, fields.map(\.jsonName)[...], in: &object) {
      refuse(name, "is given twice")
    }
  }

  /// Sets a value deep inside; false when a single field has one already.
  private static func put(
    _ value: JSONValue, _ isRepeated: Bool, _ path: ArraySlice<String>,
    in object: inout JSONObject
  ) -> Bool {
    guard let name = path.first else { return false }
    guard path.count == 1 else {
      var inner = JSONObject()
      if case .object(let known)? = object[name] { inner = known }
      let isNew = put(value, isRepeated, path.dropFirst(), in: &inner)
      object[name] = .object(inner)
      return isNew
    }
    if isRepeated {
      object[name] = .array((object[name]?.array ?? []) + [value])
      return true
    }
    guard object[name] == nil else { return false }
    object[name] = value
    return true
  }

  /// A text as the JSON that the generated mapping reads; it checks numbers, names and base64.
  /// Nil when it is no bool and should be.
  static func value(_ text: String, _ kind: FieldShape.Kind) -> JSONValue? {
    switch kind {
    case .bool:
      switch text {
      case "true", "1": .bool(true)
      case "false", "0": .bool(false)
      default: nil
      }
    case .choice:
      text.utf8.allSatisfy { (0x30...0x39).contains($0) } && !text.isEmpty
        ? .number(text) : .string(text)
    case .text, .bytes, .integer, .real, .message: .string(text)
    }
  }

  private mutating func refuse(_ field: String, _ why: String) {
    violations.append(FieldViolation(field: field, description: why))
  }
}
