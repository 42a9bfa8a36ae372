/// A message with gaps, for sending many that differ in a few fields: what stays the same is
/// encoded once, and texts are put in between its bytes.
public struct MessageTemplate: Sendable {
  private indirect enum Piece: Sendable {
    /// Whole fields, encoded.
    case bytes([UInt8])
    /// A string field.
    case text(tag: [UInt8], gap: String)
    /// A message field of which some fields are gaps.
    case message(tag: [UInt8], [Piece])
    /// What is read from JSON each time: a field that is a number, an enum, a time or a map; or a
    /// whole message that is no object of its fields.
    case json(JSONValue, of: String)
  }

  private let pieces: [Piece]
  private let pool: DescriptorPool
  private let isGap: @Sendable (String) -> Bool

  /// Whether there is any gap; without one every message is the same.
  public let hasGaps: Bool

  /// Compiles a message.
  /// - Parameters:
  ///   - json: the message in proto3 JSON; gaps are strings, whatever the type of their field.
  ///   - typeName: full name of the message.
  ///   - pool: where its type and those inside it are declared.
  ///   - isGap: tells gaps from strings that stand for themselves. Keys are never gaps.
  /// - Throws: for fields that do not exist, and for values outside the gaps that do not fit.
  public init(
    json: JSONValue, as typeName: String, in pool: DescriptorPool,
    isGap: @escaping @Sendable (String) -> Bool
  ) throws(JSONMappingError) {
    self.pool = pool
    self.isGap = isGap
    hasGaps = Self.hasGap(json, isGap)
    if hasGaps {
      pieces = try Self.compile(json, typeName, pool, isGap)
    } else {
      pieces = [.bytes(try DynamicMessage(json: json, as: typeName, in: pool).serialized())]
    }
  }

  /// The bytes of one message.
  /// - Parameter fill: the text for a gap.
  /// - Throws: when a text does not fit the type of its field.
  public func serialized(
    filling fill: (String) -> String
  ) throws(JSONMappingError) -> [UInt8] {
    var writer = WireWriter()
    try write(pieces, fill, to: &writer)
    return writer.bytes
  }

  private func write(
    _ pieces: [Piece], _ fill: (String) -> String, to writer: inout WireWriter
  ) throws(JSONMappingError) {
    for piece in pieces {
      switch piece {
      case .bytes(let bytes): writer.append(bytes)
      case .text(let tag, let gap):
        let text = fill(gap)
        guard !text.isEmpty else { continue }
        writer.append(tag)
        writer.varint(UInt64(text.utf8.count))
        writer.append(Array(text.utf8))
      case .message(let tag, let inner):
        var message = WireWriter()
        try write(inner, fill, to: &message)
        writer.append(tag)
        writer.varint(UInt64(message.bytes.count))
        writer.append(message.bytes)
      case .json(let json, let typeName):
        let message = try DynamicMessage(
          json: Self.filled(json, isGap, fill), as: typeName, in: pool)
        writer.append(message.serialized())
      }
    }
  }

  // MARK: Compiling

  private static func hasGap(_ json: JSONValue, _ isGap: (String) -> Bool) -> Bool {
    switch json {
    case .string(let text): isGap(text)
    case .array(let elements): elements.contains { hasGap($0, isGap) }
    case .object(let object): object.members.contains { hasGap($0.value, isGap) }
    case .null, .bool, .number: false
    }
  }

  private static func filled(
    _ json: JSONValue, _ isGap: (String) -> Bool, _ fill: (String) -> String
  ) -> JSONValue {
    switch json {
    case .string(let text): return .string(isGap(text) ? fill(text) : text)
    case .array(let elements): return .array(elements.map { filled($0, isGap, fill) })
    case .object(let object):
      var copy = JSONObject()
      for member in object.members { copy.add(member.key, filled(member.value, isGap, fill)) }
      return .object(copy)
    case .null, .bool, .number: return json
    }
  }

  private static func compile(
    _ json: JSONValue, _ typeName: String, _ pool: DescriptorPool, _ isGap: (String) -> Bool
  ) throws(JSONMappingError) -> [Piece] {
    guard let shape = pool.messages[typeName] else {
      throw JSONMappingError("is of the unknown type \(typeName)")
    }
    if isSpecial(typeName) { return [.json(json, of: typeName)] }
    guard case .object(let object) = json else { throw JSONMappingError("must be an object") }
    var fixed = JSONObject()
    var pieces: [Piece] = []
    for member in object.members {
      guard hasGap(member.value, isGap) else {
        fixed.add(member.key, member.value)
        continue
      }
      guard let field = pool.field(member.key, of: shape) else {
        throw JSONMappingError("is not a field", at: member.key)
      }
      do throws(JSONMappingError) {
        pieces.append(try piece(member, field, typeName, pool, isGap))
      } catch { throw error.nested(in: member.key) }
    }
    let bytes = try DynamicMessage(json: .object(fixed), as: typeName, in: pool).serialized()
    return bytes.isEmpty ? pieces : [.bytes(bytes)] + pieces
  }

  private static func piece(
    _ member: JSONObject.Member, _ field: DescriptorPool.Field, _ typeName: String,
    _ pool: DescriptorPool, _ isGap: (String) -> Bool
  ) throws(JSONMappingError) -> Piece {
    var tag = WireWriter()
    tag.tag(field.number, 2)
    switch (field.kind, member.value) {
    case (.string, .string(let gap))
    where !field.isRepeated && !field.isOptional && field.oneof == nil:
      return .text(tag: tag.bytes, gap: gap)
    case (.message, .object) where !field.isRepeated && !isSpecial(field.typeName):
      return .message(tag: tag.bytes, try compile(member.value, field.typeName, pool, isGap))
    default:
      var object = JSONObject()
      object.add(member.key, member.value)
      return .json(.object(object), of: typeName)
    }
  }

  /// Types whose JSON is not an object of their fields.
  private static func isSpecial(_ typeName: String) -> Bool {
    typeName.hasPrefix("google.protobuf.")
  }
}
