import SwiftProtobufPluginLibrary

/// How one field is spelt in Swift, in C and in JSON.
struct FieldPlan {
  enum Shape {
    case implicit, optional, message, repeated, map
    case oneof(OneofDescriptor)
  }

  let field: FieldDescriptor
  /// The module the code goes to.
  let module: String

  var property: String { Names.property(field) }

  /// The property behind `self`, where keywords need no quotes but hide nothing either.
  var access: String { "self.\(property)" }

  var shape: Shape {
    if field.isMap { return .map }
    if field.isRepeated { return .repeated }
    if let oneof = field.realContainingOneof { return .oneof(oneof) }
    if field.type == .message { return .message }
    return field.hasPresence ? .optional : .implicit
  }

  // MARK: Types

  var element: String { element(of: field) }

  private func element(of field: FieldDescriptor) -> String {
    switch field.type {
    case .double: return "Double"
    case .float: return "Float"
    case .int32, .sint32, .sfixed32: return "Int32"
    case .int64, .sint64, .sfixed64: return "Int64"
    case .uint32, .fixed32: return "UInt32"
    case .uint64, .fixed64: return "UInt64"
    case .bool: return "Bool"
    case .string: return "String"
    case .bytes: return "[UInt8]"
    case .enum: return qualified(Names.type(field.enumType), field.enumType.file)
    case .message, .group: return qualified(Names.type(field.messageType), field.messageType.file)
    }
  }

  private func qualified(_ name: String, _ file: FileDescriptor) -> String {
    let other = Layout.module(of: file)
    return other == module ? name : "\(other).\(name)"
  }

  var key: FieldDescriptor { field.messageType.fields[0] }
  var value: FieldDescriptor { field.messageType.fields[1] }

  var type: String {
    switch shape {
    case .implicit, .oneof: element
    case .optional, .message: element + "?"
    case .repeated: "[\(element)]"
    case .map: "[\(element(of: key)): \(element(of: value))]"
    }
  }

  var initial: String {
    switch shape {
    case .optional, .message: return "nil"
    case .repeated: return "[]"
    case .map: return "[:]"
    case .implicit, .oneof:
      switch field.type {
      case .bool: return "false"
      case .string: return "\"\""
      case .bytes: return "[]"
      case .enum: return ".init()"
      default: return "0"
      }
    }
  }

  // MARK: The C struct

  private var c: String { Names.cField(field) }
  private var count: String { Names.cCount(field) }

  private func read(_ field: FieldDescriptor, _ place: String) -> String {
    switch field.type {
    case .string: "StructFields.string(\(place).len, \(place).data)"
    case .bytes: "StructFields.bytes(\(place).len, \(place).data)"
    case .bool: "\(place) != 0"
    case .enum: "\(element(of: field))(rawValue: \(place))"
    case .message: "StructFields.message(\(place))"
    default: place
    }
  }

  /// The expression that reads the field; for a oneof's field without its case.
  var reading: String {
    let place = "c.pointee.\(c)"
    switch shape {
    case .implicit, .message: return read(field, place)
    case .oneof:
      let missing = field.type == .message ? " ?? \(element)()" : ""
      return read(field, place) + missing
    case .optional:
      return "c.pointee.\(Lowering.presence(field.number))_case.rawValue == \(field.number) ? "
        + read(field, place) + " : nil"
    case .repeated:
      let function: String
      switch field.type {
      case .string: function = "strings"
      case .bytes: function = "byteStrings"
      case .bool: function = "bools"
      case .enum: function = "enums"
      case .message: function = "messages"
      default: function = "scalars"
      }
      return "StructFields.\(function)(c.pointee.\(count), \(place))"
    case .map:
      let missing = value.type == .message ? " ?? \(element(of: value))()" : ""
      return "StructFields.map(c.pointee.\(count), \(place)) { entry in "
        + "(\(read(key, "entry.pointee.key")), \(read(value, "entry.pointee.value"))\(missing)) }"
    }
  }

  private func write(_ field: FieldDescriptor, _ value: String, _ place: String) -> String {
    switch field.type {
    case .string, .bytes: "(\(place).len, \(place).data) = arena.copy(\(value))"
    case .bool: "\(place) = \(value) ? 1 : 0"
    case .enum: "\(place) = \(value).rawValue"
    case .message: "\(place) = arena.message(\(value))"
    default: "\(place) = \(value)"
    }
  }

  /// The statement that writes a value of the field into the struct, for a oneof or `optional`.
  func writing(_ value: String) -> String { write(field, value, "c.pointee.\(c)") }

  func setCase(_ oneof: String) -> String {
    "c.pointee.\(oneof.lowercased())_case = "
      + "\(Names.cType(field.containingType.fullName + "." + oneof))Case(rawValue: \(field.number))"
  }

  func emitWriting(into text: inout Text) {
    let place = "c.pointee.\(c)"
    switch shape {
    case .oneof: break
    case .implicit: text.line(write(field, access, place))
    case .message:
      text.line("if let value = \(access) { \(write(field, "value", place)) }")
    case .optional:
      text.block("if let value = \(access) {") { text in
        text.line(setCase(Lowering.presence(field.number)))
        text.line(write(field, "value", place))
      }
    case .repeated:
      text.line("c.pointee.\(count) = \(access).count")
      let function: String
      switch field.type {
      case .string, .bytes: function = "strings"
      case .bool: function = "bools"
      case .enum: function = "enums"
      case .message: function = "messages"
      default: function = "scalars"
      }
      text.line("\(place) = arena.\(function)(\(access))")
    case .map:
      let entry = field.messageType?.fullName ?? ""
      text.line("c.pointee.\(count) = \(access).count")
      text.block("\(place) = arena.entries(\(access)) {") { text in
        text.line("(key, value, entry: UnsafeMutablePointer<\(Names.cType(entry))>) in")
        text.line("\(Names.cPrefix(entry))__init(entry)")
        text.line(write(key, "key", "entry.pointee.key"))
        text.line(write(value, "value", "entry.pointee.value"))
      }
    }
  }

  // MARK: JSON

  var jsonKeys: String {
    let json = Names.json(field)
    return json == field.name ? "\"\(json)\"" : "\"\(json)\", \"\(field.name)\""
  }

  private func jsonReader(_ field: FieldDescriptor) -> String {
    switch field.type {
    case .double: "JSONMapping.double"
    case .float: "JSONMapping.float"
    case .int32, .sint32, .sfixed32: "JSONMapping.int32"
    case .int64, .sint64, .sfixed64: "JSONMapping.int64"
    case .uint32, .fixed32: "JSONMapping.uint32"
    case .uint64, .fixed64: "JSONMapping.uint64"
    case .bool: "JSONMapping.bool"
    case .string: "JSONMapping.string"
    case .bytes: "JSONMapping.bytes"
    case .enum, .message, .group: "\(element(of: field)).init(json:)"
    }
  }

  func emitJSONReading(into text: inout Text) {
    text.line("case \(jsonKeys):")
    let number = field.number
    switch shape {
    case .map:
      text.line(
        "  if let value: \(type) = try reader.map(\(number), \(jsonReader(value))) { \(access) = value }"
      )
    case .repeated:
      text.line(
        "  if let value = try reader.list(\(number), \(jsonReader(field))) { \(access) = value }")
    case .oneof(let oneof):
      let property = Names.member(Names.lowerCamel(oneof.name))
      text.line("  if let value = try reader.one(\(number), \(jsonReader(field))) {")
      text.line(
        "    guard self.\(property) == nil else { throw reader.second(of: \"\(oneof.name)\") }")
      text.line("    self.\(property) = .\(Names.property(field))(value)")
      text.line("  }")
    default:
      text.line(
        "  if let value = try reader.one(\(number), \(jsonReader(field))) { \(access) = value }")
    }
  }

  func emitJSONWriting(into text: inout Text) {
    let key = "\"\(Names.json(field))\""
    let condition: String
    var value = "JSONMapping.json(\(access))"
    switch shape {
    case .oneof: return
    case .optional, .message:
      condition = "let value = \(access)"
      value = "JSONMapping.json(value)"
    case .repeated:
      condition = "!\(access).isEmpty"
      value = ".array(\(access).map { JSONMapping.json($0) })"
    case .map:
      condition = "!\(access).isEmpty"
      value = "JSONMapping.json(\(access)) { JSONMapping.json($0) }"
    case .implicit:
      switch field.type {
      case .bool: condition = access
      case .string, .bytes: condition = "!\(access).isEmpty"
      case .enum: condition = "\(access).rawValue != 0"
      default: condition = "\(access) != 0"
      }
    }
    text.line("if \(condition) { object.add(\(key), \(value)) }")
  }

  // MARK: The wire

  var wireKind: String {
    switch field.type {
    case .string: return "string"
    case .bytes: return "bytes"
    case .message, .group: return "message"
    case .float, .fixed32, .sfixed32: return field.isRepeated ? "packedFixed32" : "fixed32"
    case .double, .fixed64, .sfixed64: return field.isRepeated ? "packedFixed64" : "fixed64"
    default: return field.isRepeated ? "packedVarint" : "varint"
    }
  }
}
