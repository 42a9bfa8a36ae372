import CommonAPI
import Protobuf

/// Reads what the gateway needs of a serialised `google.protobuf.FileDescriptorSet`: the names and
/// kinds of the fields, and the sentences of the methods. The bytes are our own, embedded by the generator; damaged ones are refused.
struct DescriptorReader {
  /// The bytes are no descriptor set.
  struct Malformed: Error, CustomStringConvertible {
    let description = "the embedded descriptor set cannot be read"
  }

  private enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  /// The fields of every message in the set, by the message's full name.
  static func shapes(of set: [UInt8]) throws -> [String: [FieldShape]] {
    var shapes: [String: [FieldShape]] = [:]
    for (number, value) in try fields(set[...]) where number == 1 {
      guard case .bytes(let file) = value else { throw Malformed() }
      try readFile(file, into: &shapes)
    }
    return shapes
  }

  /// The sentences that the methods in the set bring along.
  static func sentences(of set: [UInt8]) throws -> [Sentence] {
    try nested([1, 6, 2, 4, 51002], in: set[...]).map { bytes in
      try Array(bytes).withUnsafeBytes { try Sentence(serialized: $0) }
    }
  }

  /// The messages at the end of a path of field numbers.
  private static func nested(
    _ path: [UInt64], in bytes: ArraySlice<UInt8>
  ) throws -> [ArraySlice<UInt8>] {
    guard let number = path.first else { return [bytes] }
    return try messages(number, in: fields(bytes)).flatMap {
      try nested(Array(path.dropFirst()), in: $0)
    }
  }

  private static func readFile(
    _ file: ArraySlice<UInt8>, into shapes: inout [String: [FieldShape]]
  ) throws {
    let fields = try fields(file)
    let package = text(2, in: fields) ?? ""
    // Of Google's, only messages that JSON writes as a string are used: known by name.
    guard !package.hasPrefix("google.") else { return }
    for message in messages(4, in: fields) {
      try readMessage(message, within: package, depth: 0, into: &shapes)
    }
  }

  private static func readMessage(
    _ bytes: ArraySlice<UInt8>, within scope: String, depth: Int,
    into shapes: inout [String: [FieldShape]]
  ) throws {
    guard depth < 16 else { throw Malformed() }
    let parts = try fields(bytes)
    guard let name = text(1, in: parts) else { throw Malformed() }
    let fullName = scope.isEmpty ? name : "\(scope).\(name)"
    shapes[fullName] = try messages(2, in: parts).map(readField)
    for nested in messages(3, in: parts) {
      try readMessage(nested, within: fullName, depth: depth + 1, into: &shapes)
    }
  }

  private static func readField(_ bytes: ArraySlice<UInt8>) throws -> FieldShape {
    let parts = try fields(bytes)
    guard let name = text(1, in: parts), let type = number(5, in: parts) else { throw Malformed() }
    let typeName = text(6, in: parts).map { String($0.drop { $0 == "." }) } ?? ""
    return FieldShape(
      name: name, jsonName: text(10, in: parts) ?? FieldNames.lowerCamel(name),
      kind: kind(type, typeName), isRepeated: number(4, in: parts) == 3)
  }

  /// The numbers are those of `google.protobuf.FieldDescriptorProto.Type`.
  private static func kind(_ type: UInt64, _ typeName: String) -> FieldShape.Kind {
    switch type {
    case 1, 2: .real
    case 3...7, 13, 15...18: .integer
    case 8: .bool
    case 9: .text
    case 11: .message(typeName)
    case 12: .bytes
    case 14: .choice
    default: .message("")
    }
  }

  // MARK: Wire format

  private static func fields(_ bytes: ArraySlice<UInt8>) throws -> [(UInt64, Value)] {
    var rest = bytes
    var fields: [(UInt64, Value)] = []
    while !rest.isEmpty {
      let tag = try varint(&rest)
      switch tag & 7 {
      case 0: fields.append((tag >> 3, .number(try varint(&rest))))
      case 1: fields.append((tag >> 3, .bytes(try take(8, &rest))))
      case 2:
        let count = try varint(&rest)
        fields.append((tag >> 3, .bytes(try take(count, &rest))))
      case 5: fields.append((tag >> 3, .bytes(try take(4, &rest))))
      default: throw Malformed()
      }
    }
    return fields
  }

  private static func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { throw Malformed() }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw Malformed()
  }

  private static func take(
    _ count: UInt64, _ rest: inout ArraySlice<UInt8>
  ) throws -> ArraySlice<UInt8> {
    guard count <= UInt64(rest.count) else { throw Malformed() }
    let taken = rest.prefix(Int(count))
    rest = rest.dropFirst(Int(count))
    return taken
  }

  private static func text(_ number: UInt64, in fields: [(UInt64, Value)]) -> String? {
    messages(number, in: fields).last.map { String(decoding: $0, as: UTF8.self) }
  }

  private static func number(_ number: UInt64, in fields: [(UInt64, Value)]) -> UInt64? {
    for case (number, .number(let value)) in fields { return value }
    return nil
  }

  private static func messages(
    _ number: UInt64, in fields: [(UInt64, Value)]
  ) -> [ArraySlice<UInt8>] {
    fields.compactMap { field in
      if field.0 == number, case .bytes(let bytes) = field.1 { return bytes }
      return nil
    }
  }
}
