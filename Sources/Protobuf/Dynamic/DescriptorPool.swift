/// What a set of protos declares, read at run time: how a tool learns the shape of messages from
/// a server's reflection.
public struct DescriptorPool: Sendable {
  /// A method of a service.
  public struct Method: Sendable, Hashable {
    /// "/package.Service/Method".
    public let path: String
    /// Full name of the request.
    public let inputType: String
    /// Full name of the answer.
    public let outputType: String
    /// Whether the caller sends a stream.
    public let clientStreaming: Bool
    /// Whether the server answers with a stream.
    public let serverStreaming: Bool
  }

  enum Kind: UInt64, Sendable {
    case double = 1
    case float, int64, uint64, int32, fixed64, fixed32, bool, string, group, message, bytes
    case uint32, enumeration, sfixed32, sfixed64, sint32, sint64
  }

  struct Field: Sendable {
    var name = ""
    var jsonName = ""
    var number = 0
    var kind = Kind.int32
    var typeName = ""
    var isRepeated = false
    var oneof: Int?
    var isOptional = false
    var packed: Bool?

    /// Whether null is a value of the field, not its absence.
    var takesNull: Bool {
      typeName == "google.protobuf.Value" || typeName == "google.protobuf.NullValue"
    }
  }

  struct Shape: Sendable {
    var name = ""
    var fields: [Field] = []
    var isMapEntry = false
    var isProto3 = false
    var oneofs: [String] = []
  }

  struct Enumeration: Sendable {
    var values: [(name: String, number: Int32)] = []
  }

  /// The methods of each service by its full name, in the order of the proto.
  public internal(set) var services: [String: [Method]] = [:]
  var messages: [String: Shape] = [:]
  var enums: [String: Enumeration] = [:]
  var files: Set<String> = []
  var dependencies: Set<String> = []

  /// A pool without types.
  public init() {}

  /// Reads a serialised google.protobuf.FileDescriptorSet.
  public init(fileDescriptorSet bytes: [UInt8]) throws(DecodeError) {
    var reader = WireReader(bytes[...])
    while let (number, value) = try reader.next() {
      if number == 1, case .bytes(let file) = value { try add(file: file) }
    }
  }

  /// Adds a serialised google.protobuf.FileDescriptorProto; one that is there already is replaced.
  public mutating func add(file bytes: [UInt8]) throws(DecodeError) { try add(file: bytes[...]) }

  /// Names of files that those added import, and that were not added.
  public var missingFiles: Set<String> { dependencies.subtracting(files) }

  /// The full names of all messages.
  public var messageNames: [String] { messages.keys.sorted() }

  func field(_ key: String, of shape: Shape) -> Field? {
    shape.fields.first { $0.jsonName == key || $0.name == key }
  }

  func entry(of field: Field) -> Shape? {
    guard field.kind == .message, field.isRepeated, let shape = messages[field.typeName],
      shape.isMapEntry, shape.fields.count == 2
    else { return nil }
    return shape
  }

  /// Whether an Any shows the fields of such a message: one that has no Any inside, since Anys in
  /// Anys would nest without a limit.
  func isTransparent(_ name: String) -> Bool {
    guard messages[name] != nil else { return false }
    var open = [name]
    var seen: Set<String> = []
    while let next = open.popLast() {
      if next == "google.protobuf.Any" { return false }
      guard seen.insert(next).inserted else { continue }
      for field in messages[next]?.fields ?? [] where field.kind == .message {
        open.append(field.typeName)
      }
    }
    return true
  }

  /// The pre-scan's table for a message.
  func wireTable(of name: String) -> WireTable {
    var order = [name]
    var index = [name: 0]
    var rows: [[WireTable.Field]] = []
    var next = 0
    while next < order.count {
      let fields = (messages[order[next]]?.fields ?? []).sorted { $0.number < $1.number }
      next += 1
      rows.append(
        fields.compactMap { field in
          var nested = 0
          if field.kind == .message {
            nested = index[field.typeName] ?? order.count
            if nested == order.count {
              index[field.typeName] = nested
              order.append(field.typeName)
            }
          }
          guard let number = UInt32(exactly: field.number), let place = UInt16(exactly: nested)
          else { return nil }
          return WireTable.Field(number, field.kind.wireKind(isRepeated: field.isRepeated), place)
        })
    }
    return WireTable(rows)
  }
}

extension DescriptorPool.Kind {
  func wireKind(isRepeated: Bool) -> WireTable.Kind {
    switch self {
    case .string: .string
    case .bytes: .bytes
    case .message, .group: .message
    case .float, .fixed32, .sfixed32: isRepeated ? .packedFixed32 : .fixed32
    case .double, .fixed64, .sfixed64: isRepeated ? .packedFixed64 : .fixed64
    default: isRepeated ? .packedVarint : .varint
    }
  }

  var isPackable: Bool {
    switch self {
    case .string, .bytes, .message, .group: false
    default: true
    }
  }
}
