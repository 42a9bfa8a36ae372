/// One field of a message, as far as paths and queries need to know it.
struct FieldShape: Sendable, Hashable {
  /// What stands in it.
  enum Kind: Sendable, Hashable {
    case text, bytes, bool, integer, real, choice
    /// Another message, by full name.
    case message(String)
  }

  /// As in the proto: `page_size`.
  let name: String
  /// As in JSON: `pageSize`.
  let jsonName: String
  let kind: Kind
  let isRepeated: Bool

  /// True when one text stands for the whole value.
  var isScalar: Bool {
    guard case .message(let name) = kind else { return true }
    return Self.writtenAsText.contains(name)
  }

  /// Well-known messages that proto3 JSON writes as a string.
  private static let writtenAsText: Set<String> = [
    "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask",
  ]
}

/// The fields of the messages that requests are made of; read once at start.
struct MessageShapes: Sendable {
  private var shapes: [String: [FieldShape]] = [:]

  /// Knows no message.
  init() {}

  /// Adds the messages of a serialised `google.protobuf.FileDescriptorSet`.
  mutating func add(_ descriptorSet: [UInt8]) throws {
    shapes.merge(try DescriptorReader.shapes(of: descriptorSet)) { first, _ in first }
  }

  /// The fields of a message; nil when it is not known.
  func fields(of message: String) -> [FieldShape]? { shapes[message] }

  /// A field by its proto or JSON name.
  func field(_ name: String, of message: String) -> FieldShape? {
    shapes[message]?.first { $0.name == name || $0.jsonName == name }
  }

  /// The fields a path leads through, such as `client.address.city`; nil when one does not exist,
  /// or one on the way is no single message.
  func fields(along path: [String], from message: String) -> [FieldShape]? {
    var found: [FieldShape] = []
    var message = message
    for (index, name) in path.enumerated() {
      guard let field = field(name, of: message) else { return nil }
      found.append(field)
      guard index < path.count - 1 else { break }
      guard case .message(let next) = field.kind, !field.isRepeated, !field.isScalar else {
        return nil
      }
      message = next
    }
    return found.isEmpty ? nil : found
  }
}

/// The two spellings of field names.
enum FieldNames {
  /// `page_size` as `pageSize`; dots and indexes in a path stay.
  static func lowerCamel(_ name: String) -> String {
    var camel = ""
    var raise = false
    for character in name {
      if character == "_" {
        raise = true
      } else {
        camel += raise ? character.uppercased() : String(character)
        raise = false
      }
    }
    return camel
  }
}
