/// A message whose type is known only at run time: from bytes to proto3 JSON and back, by the
/// descriptors of a pool. Slower than generated code; for tools.
public struct DynamicMessage: Sendable {
  indirect enum Value: Sendable {
    case bool(Bool)
    case signed(Int64)
    case unsigned(UInt64)
    case float(Float)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case message(DynamicMessage)
    case list([Value])
    case map([(key: Value, value: Value)])
  }

  /// Full name of the message.
  public let typeName: String
  let pool: DescriptorPool
  /// By field number.
  var values: [Int: Value] = [:]

  /// The message with every field at its default.
  /// - Parameters:
  ///   - typeName: full name of the message.
  ///   - pool: where its type and those inside it are declared.
  public init(_ typeName: String, in pool: DescriptorPool) {
    self.typeName = typeName
    self.pool = pool
  }

  var shape: DescriptorPool.Shape {
    pool.messages[typeName] ?? DescriptorPool.Shape(name: typeName, isProto3: true)
  }

  /// Whether the field is written when it has the default's value.
  func hasPresence(_ field: DescriptorPool.Field) -> Bool {
    field.isOptional || field.oneof != nil || field.kind == .message || !shape.isProto3
  }
}

extension DynamicMessage.Value {
  /// Zero, empty or false.
  var isDefault: Bool {
    switch self {
    case .bool(let value): !value
    case .signed(let value): value == 0
    case .unsigned(let value): value == 0
    case .float(let value): value == 0
    case .double(let value): value == 0
    case .string(let value): value.isEmpty
    case .bytes(let value): value.isEmpty
    case .message: false
    case .list(let values): values.isEmpty
    case .map(let entries): entries.isEmpty
    }
  }

  static func initial(_ field: DescriptorPool.Field, in pool: DescriptorPool) -> Self {
    switch field.kind {
    case .bool: .bool(false)
    case .string: .string("")
    case .bytes: .bytes([])
    case .float: .float(0)
    case .double: .double(0)
    case .message, .group: .message(DynamicMessage(field.typeName, in: pool))
    case .uint32, .uint64, .fixed32, .fixed64: .unsigned(0)
    default: .signed(0)
    }
  }

  /// What a map is ordered by.
  static func precedes(_ one: Self, _ other: Self) -> Bool {
    switch (one, other) {
    case (.bool(let one), .bool(let other)): Bool.precedes(one, other)
    case (.signed(let one), .signed(let other)): one < other
    case (.unsigned(let one), .unsigned(let other)): one < other
    case (.string(let one), .string(let other)): String.precedes(one, other)
    default: false
    }
  }

  /// The key of a JSON object.
  var mapKey: String {
    switch self {
    case .bool(let value): value.mapKey
    case .signed(let value): value.mapKey
    case .unsigned(let value): value.mapKey
    case .string(let value): value
    default: ""
    }
  }
}
