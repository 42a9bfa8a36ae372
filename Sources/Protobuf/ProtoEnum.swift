/// An open proto3 enum: a number that is not declared is kept as it came.
public protocol ProtoEnum: Sendable, Hashable, JSONMappable {
  /// The case of a number; `unrecognized` when none is declared.
  init(rawValue: Int32)
  /// The number on the wire.
  var rawValue: Int32 { get }
  /// The case of a declared name, such as "HAT_STAFF".
  init?(protoName: String)
  /// The declared name; nil for an unrecognised number.
  var protoName: String? { get }
  /// Every declared case.
  static var allKnown: [Self] { get }
}

extension ProtoEnum {
  /// Takes the declared name or the number.
  public init(json: JSONValue) throws(JSONMappingError) {
    switch json {
    case .string(let name):
      guard let value = Self(protoName: name) else {
        throw JSONMappingError.isNone(of: Self.allKnown.compactMap(\.protoName))
      }
      self = value
    case .number:
      self = Self(rawValue: try JSONMapping.int32(json))
    default:
      throw JSONMappingError("must be the name of an enum value")
    }
  }

  /// The declared name, or the number when it has none.
  public var json: JSONValue {
    protoName.map(JSONValue.string) ?? .number(String(rawValue))
  }
}
