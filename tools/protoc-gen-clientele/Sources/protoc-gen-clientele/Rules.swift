import SwiftProtobufPluginLibrary

/// What the generator refuses, and what it asks of the graph of types.
enum Rules {
  /// Names that would hide Swift's own in generated code.
  private static let hidden: Set<String> = [
    "String", "Bool", "Int32", "Int64", "UInt32", "UInt64", "Float", "Double", "Array",
    "Dictionary", "Optional", "Result", "Error", "Sendable", "Hashable", "JSONValue", "Protobuf",
  ]

  static func check(_ file: FileDescriptor) throws {
    guard file.edition == .proto3 else { throw GeneratorError("\(file.name): must be proto3") }
    for message in file.messages { try check(message, path: []) }
    for service in file.services {
      for method in service.methods { _ = try MethodRules(method) }
    }
  }

  private static func check(_ message: Descriptor, path: [String]) throws {
    guard !path.contains(message.fullName) else {
      let cycle = (path + [message.fullName]).joined(separator: " → ")
      throw GeneratorError("\(message.fullName): recursive messages are refused (\(cycle))")
    }
    guard !hidden.contains(Names.last(Names.type(message))) else {
      throw GeneratorError("\(message.fullName): the name hides a Swift type")
    }
    for field in message.fields {
      guard field.name.lowercased() != "base" else {
        throw GeneratorError("\(field.fullName): the C struct has a field of that name")
      }
      guard field.type != .group else { throw GeneratorError("\(field.fullName): is a group") }
      if field.type == .message, let inner = field.messageType {
        try check(inner, path: path + [message.fullName])
      }
      if field.type == .enum, field.enumType.values.first?.number != 0 {
        throw GeneratorError("\(field.enumType.fullName): the first value must be 0")
      }
    }
    for inner in message.messages { try check(inner, path: []) }
  }

  /// Whether a google.protobuf.Any is the message or inside it.
  static func holdsAny(_ message: Descriptor) -> Bool {
    message.fullName == "google.protobuf.Any"
      || message.fields.contains { $0.type == .message && holdsAny($0.messageType) }
  }

  /// The modules whose types a file's messages name.
  static func modules(of file: FileDescriptor) -> Set<String> {
    Set(file.messages.flatMap(modules(of:)))
  }

  private static func modules(of message: Descriptor) -> [String] {
    message.fields.compactMap { field in
      switch field.type {
      case .message: field.isMap ? nil : Layout.module(of: field.messageType.file)
      case .enum: Layout.module(of: field.enumType.file)
      default: nil
      }
    } + message.messages.flatMap(modules(of:))
  }

  /// The names of files and of all they import.
  static func closure(_ files: [FileDescriptor]) -> Set<String> {
    var names: Set<String> = []
    var open = files
    while let file = open.popLast() {
      if names.insert(file.name).inserted { open += file.dependencies }
    }
    return names
  }
}
