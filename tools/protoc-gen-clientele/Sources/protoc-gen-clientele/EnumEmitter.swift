import SwiftProtobufPluginLibrary

/// The Swift of an enum.
enum EnumEmitter {
  static func emit(_ descriptor: EnumDescriptor, into text: inout Text) {
    let full = Names.type(descriptor)
    guard let scope = Names.scope(full) else { return body(descriptor, full, &text) }
    text.block("extension \(scope) {") { body(descriptor, Names.last(full), &$0) }
  }

  private static func body(_ descriptor: EnumDescriptor, _ name: String, _ text: inout Text) {
    let values = distinct(descriptor)
    text.doc(descriptor, orElse: "The enum `\(descriptor.fullName)`.")
    text.block("public enum \(name): Protobuf.ProtoEnum {") { text in
      for value in values {
        text.doc(value, orElse: "`\(value.name)`.")
        text.line("case \(Names.enumCase(value))")
      }
      text.line("/// A number that is not declared.")
      text.line("case unrecognized(Int32)")
      text.line()
      text.line("public init() { self = .\(bare(values[0])) }")
      text.line()
      table(
        &text, "public init(rawValue: Int32) {", "rawValue",
        "default: self = .unrecognized(rawValue)"
      ) {
        values.map { "case \($0.number): self = .\(bare($0))" }
      }
      table(&text, "public var rawValue: Int32 {", "self", "case .unrecognized(let number): number")
      {
        values.map { "case .\(bare($0)): \($0.number)" }
      }
      table(&text, "public init?(protoName: String) {", "protoName", "default: return nil") {
        descriptor.values.map { value in
          let known = values.first { $0.number == value.number } ?? value
          return "case \"\(value.name)\": self = .\(bare(known))"
        }
      }
      table(&text, "public var protoName: String? {", "self", "case .unrecognized: nil") {
        values.map { "case .\(bare($0)): \"\($0.name)\"" }
      }
      text.line(
        "public static let allKnown: [Self] = ["
          + values.map { "." + bare($0) }.joined(separator: ", ") + "]")
    }
    text.line()
  }

  /// One value a number; the others are aliases.
  private static func distinct(_ descriptor: EnumDescriptor) -> [EnumValueDescriptor] {
    var seen: Set<Int32> = []
    return descriptor.values.filter { seen.insert($0.number).inserted }
  }

  private static func bare(_ value: EnumValueDescriptor) -> String { Names.enumCase(value) }

  private static func table(
    _ text: inout Text, _ head: String, _ subject: String, _ last: String,
    _ cases: () -> [String]
  ) {
    text.block(head) { text in
      text.line("switch \(subject) {")
      for line in cases() { text.line(line) }
      text.line(last)
      text.line("}")
    }
    text.line()
  }
}
