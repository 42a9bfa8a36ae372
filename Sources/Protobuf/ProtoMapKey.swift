/// What may be the key of a map field.
public protocol ProtoMapKey: Hashable, Sendable {
  /// A total order, so that a map is always written alike.
  static func precedes(_ one: Self, _ other: Self) -> Bool
  /// Reads the key of a JSON object.
  init?(mapKey: String)
  /// The key of a JSON object.
  var mapKey: String { get }
}

extension String: ProtoMapKey {
  public static func precedes(_ one: String, _ other: String) -> Bool {
    one.utf8.lexicographicallyPrecedes(other.utf8)
  }
  public init?(mapKey: String) {
    guard !mapKey.utf8.contains(0) else { return nil }
    self = mapKey
  }
  public var mapKey: String { self }
}

extension Bool: ProtoMapKey {
  public static func precedes(_ one: Bool, _ other: Bool) -> Bool { !one && other }
  public init?(mapKey: String) {
    switch mapKey {
    case "true": self = true
    case "false": self = false
    default: return nil
    }
  }
  public var mapKey: String { self ? "true" : "false" }
}

extension ProtoMapKey where Self: FixedWidthInteger {
  public static func precedes(_ one: Self, _ other: Self) -> Bool { one < other }
  public init?(mapKey: String) {
    guard let value: Self = Decimal(mapKey)?.integer() else { return nil }
    self = value
  }
  public var mapKey: String { String(self) }
}

extension Int32: ProtoMapKey {}
extension Int64: ProtoMapKey {}
extension UInt32: ProtoMapKey {}
extension UInt64: ProtoMapKey {}
