import SwiftProtobufPluginLibrary

/// How proto names are spelt in Swift and in the C that protoc-gen-c writes.
enum Names {
  // MARK: Swift

  /// Types whose proto name would clash with another type of the rooms that see it.
  private static let renamed = [
    "google.protobuf.Duration": "ProtoDuration",
    "google.protobuf.Any": "ProtoAny",
    "google.rpc.Status": "RPCStatusMessage",
    "clientele.feed.v1.Position": "FeedPosition",
    "clientele.feed.v1.Event": "FeedEvent",
    "clientele.messaging.v1.Message": "OutboundMessage",
  ]

  /// The name within the module, such as "AccessRule.Subject".
  static func type(_ descriptor: Descriptor) -> String {
    scoped(descriptor.fullName, descriptor.name, in: descriptor.containingType, descriptor.file)
  }

  /// The name within the module.
  static func type(_ descriptor: EnumDescriptor) -> String {
    scoped(descriptor.fullName, descriptor.name, in: descriptor.containingType, descriptor.file)
  }

  private static func scoped(
    _ fullName: String, _ name: String, in outer: Descriptor?, _ file: FileDescriptor
  ) -> String {
    let name = renamed[fullName] ?? name
    if let outer { return type(outer) + "." + name }
    return (Layout.namespace(of: file).map { $0 + "." } ?? "") + name
  }

  /// The last part of a name.
  static func last(_ name: String) -> String {
    name.split(separator: ".").last.map(String.init) ?? name
  }

  /// Everything but the last part.
  static func scope(_ name: String) -> String? {
    let parts = name.split(separator: ".")
    return parts.count > 1 ? parts.dropLast().joined(separator: ".") : nil
  }

  private static let abbreviations = [
    "id": "ID", "ids": "IDs", "url": "URL", "urls": "URLs", "http": "HTTP", "https": "HTTPS",
  ]

  /// "organization_id" → "organizationID".
  static func lowerCamel(_ name: String) -> String {
    var words = name.split(separator: "_").map { $0.lowercased() }
    guard !words.isEmpty else { return name }
    for index in words.indices.dropFirst() {
      words[index] =
        abbreviations[words[index]] ?? words[index].prefix(1).uppercased()
        + words[index].dropFirst()
    }
    return words.joined()
  }

  /// "client_directory" → "ClientDirectory".
  static func upperCamel(_ name: String) -> String {
    name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// Members that every message or enum has already.
  private static let taken: Set<String> = [
    "json", "jsonUTF8", "fullName", "wireTable", "serialized", "structure", "blankStructure",
    "hashValue", "hash", "init", "self", "rawValue", "protoName", "allKnown",
  ]

  private static let keywords: Set<String> = [
    "associatedtype", "class", "deinit", "enum", "extension", "fileprivate", "func", "import",
    "inout", "internal", "let", "open", "operator", "private", "precedencegroup", "protocol",
    "public", "rethrows", "static", "struct", "subscript", "typealias", "var", "break", "case",
    "catch", "continue", "default", "defer", "do", "else", "fallthrough", "for", "guard", "if",
    "in", "repeat", "return", "throw", "switch", "where", "while", "as", "false", "is", "nil",
    "super", "throws", "true", "try", "Any",
  ]

  static func member(_ name: String) -> String {
    if taken.contains(name) { return name + "_" }
    return keywords.contains(name) ? "`\(name)`" : name
  }

  static func property(_ field: FieldDescriptor) -> String { member(lowerCamel(field.name)) }

  static func function(_ method: MethodDescriptor) -> String {
    member(method.name.prefix(1).lowercased() + method.name.dropFirst())
  }

  /// "HAT_STAFF" of the enum Hat → "staff".
  static func enumCase(_ value: EnumValueDescriptor) -> String {
    let prefix = cCamel(value.enumType.name, upper: true) + "_"
    var name = value.name
    if name.hasPrefix(prefix), let next = name.dropFirst(prefix.count).first, next.isLetter {
      name.removeFirst(prefix.count)
    }
    return member(lowerCamel(name))
  }

  /// What follows "case ." and "self.": the JSON name as protoc computes it.
  static func json(_ field: FieldDescriptor) -> String { field.jsonName ?? field.name }

  // MARK: C, as protoc-gen-c 1.4.1 spells it

  /// "clientele.identity.v1.SignInRequest" → "Clientele__Identity__V1__SignInRequest".
  static func cType(_ fullName: String) -> String {
    fullName.split(separator: ".").map { upperCamel(String($0)) }.joined(separator: "__")
  }

  /// "clientele.identity.v1.SignInRequest" → "clientele__identity__v1__sign_in_request".
  static func cPrefix(_ fullName: String) -> String {
    fullName.split(separator: ".").map { cCamel(String($0), upper: false) }.joined(separator: "__")
  }

  private static func cCamel(_ name: String, upper: Bool) -> String {
    var result = ""
    var wasUpper = true
    for character in name {
      if character.isUppercase, !wasUpper { result += "_" }
      result += upper ? character.uppercased() : character.lowercased()
      wasUpper = character.isUppercase
    }
    return result
  }

  private static let cKeywords: Set<String> = [
    "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "class", "compl", "const", "const_cast", "continue", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "extern", "false", "float", "for", "friend",
    "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "not_eq",
    "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast",
    "return", "short", "signed", "sizeof", "static", "static_cast", "struct", "switch",
    "template", "this", "throw", "true", "try", "typedef", "typeid", "typename", "union",
    "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
  ]

  /// The name a field has in C; Swift cannot reach members of these names, even quoted.
  static func lowered(_ name: String) -> String {
    ["self", "init"].contains(name) ? name + "_field" : name
  }

  /// A field of a C struct, as Swift sees it.
  static func cField(_ field: FieldDescriptor) -> String {
    let name = lowered(field.name).lowercased()
    if cKeywords.contains(name) { return name + "_" }
    return keywords.contains(name) ? "`\(name)`" : name
  }

  /// The C field that counts a repeated field's elements.
  static func cCount(_ field: FieldDescriptor) -> String {
    let name = lowered(field.name).lowercased()
    return "n_" + (cKeywords.contains(name) ? name + "_" : name)
  }
}
