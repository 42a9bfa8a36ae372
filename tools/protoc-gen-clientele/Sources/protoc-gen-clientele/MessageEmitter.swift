import SwiftProtobufPluginLibrary

/// The Swift of a message.
struct MessageEmitter {
  private let descriptor: Descriptor
  private let fields: [FieldPlan]

  init(_ descriptor: Descriptor) {
    self.descriptor = descriptor
    let module = Layout.module(of: descriptor.file)
    fields = descriptor.fields.map { FieldPlan(field: $0, module: module) }
  }

  /// Messages whose JSON is not an object of their fields; CommonAPI has them by hand.
  private static let jsonByHand: Set<String> = [
    "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask",
    "google.protobuf.Any",
  ]

  func emit(into text: inout Text) {
    let full = Names.type(descriptor)
    if let scope = Names.scope(full) {
      text.block("extension \(scope) {") { body(Names.last(full), &$0) }
    } else {
      body(full, &text)
    }
    text.line()
    for inner in descriptor.enums { EnumEmitter.emit(inner, into: &text) }
    for inner in descriptor.messages where !inner.options.mapEntry {
      MessageEmitter(inner).emit(into: &text)
    }
  }

  private func body(_ name: String, _ text: inout Text) {
    text.doc(descriptor, orElse: "The message `\(descriptor.fullName)`.")
    let scoped = isOrganizationScoped ? ", CommonAPI.OrganizationScoped" : ""
    text.block("public struct \(name): Protobuf.Message\(scoped) {") { text in
      text.line("public static let fullName = \"\(descriptor.fullName)\"")
      text.line()
      for property in properties {
        property.doc(&text)
        text.line("public var \(property.name): \(property.type) = \(property.initial)")
      }
      if !properties.isEmpty { text.line() }
      emitInitialisers(&text)
      for oneof in descriptor.realOneofs { emitOneof(oneof, &text) }
      emitStructure(&text)
      if !Self.jsonByHand.contains(descriptor.fullName) { emitJSON(&text) }
      emitWireTable(&text)
    }
  }

  /// Requests that name an organisation, which the access rules compare with the caller's.
  private var isOrganizationScoped: Bool {
    descriptor.fullName.hasPrefix("clientele.") && Layout.module(of: descriptor.file) != "CommonAPI"
      && descriptor.name.hasSuffix("Request")
      && descriptor.fields.contains {
        $0.name == "organization_id" && $0.type == .string && !$0.isRepeated
      }
  }

  // MARK: Properties

  private struct Property {
    let name: String
    let type: String
    let initial: String
    let doc: (inout Text) -> Void
  }

  private var properties: [Property] {
    var done: Set<String> = []
    return fields.compactMap { plan in
      guard case .oneof(let oneof) = plan.shape else {
        return Property(name: plan.property, type: plan.type, initial: plan.initial) {
          $0.doc(plan.field, orElse: "The field `\(plan.field.name)`.")
        }
      }
      guard done.insert(oneof.name).inserted else { return nil }
      return Property(name: property(oneof), type: enumName(oneof) + "?", initial: "nil") {
        $0.doc(oneof, orElse: "The oneof `\(oneof.name)`.")
      }
    }
  }

  private func property(_ oneof: OneofDescriptor) -> String {
    Names.member(Names.lowerCamel(oneof.name))
  }

  private func enumName(_ oneof: OneofDescriptor) -> String { Names.upperCamel(oneof.name) }

  private func emitInitialisers(_ text: inout Text) {
    text.line("public init() {}")
    text.line()
    guard !properties.isEmpty else { return }
    text.line("/// The message with the given fields.")
    text.block("public init(", ") {") { text in
      for (index, property) in properties.enumerated() {
        let comma = index == properties.count - 1 ? "" : ","
        text.line("\(property.name): \(property.type) = \(property.initial)\(comma)")
      }
    }
    for property in properties { text.line("  self.\(property.name) = \(property.name)") }
    text.line("}")
    text.line()
  }

  private func emitOneof(_ oneof: OneofDescriptor, _ text: inout Text) {
    text.doc(oneof, orElse: "The oneof `\(oneof.name)`.")
    text.block("public enum \(enumName(oneof)): Sendable, Hashable {") { text in
      for plan in plans(oneof) {
        text.doc(plan.field, orElse: "The field `\(plan.field.name)`.")
        text.line("case \(plan.property)(\(plan.element))")
      }
    }
    text.line()
  }

  private func plans(_ oneof: OneofDescriptor) -> [FieldPlan] {
    fields.filter { $0.field.realContainingOneof === oneof }
  }

  // MARK: The C struct

  private func emitStructure(_ text: inout Text) {
    let cType = Names.cType(descriptor.fullName)
    let prefix = Names.cPrefix(descriptor.fullName)
    text.block("public static func blankStructure(in arena: Arena) -> UnsafeMutableRawPointer {") {
      $0.line("let c = arena.make(\(cType).self)")
      $0.line("\(prefix)__init(c)")
      $0.line("return UnsafeMutableRawPointer(c)")
    }
    text.line()
    guard !fields.isEmpty else {
      text.line("public init(structure: UnsafeRawPointer) {}")
      text.line()
      text.block("public func structure(in arena: Arena) -> UnsafeMutableRawPointer {") {
        $0.line("Self.blankStructure(in: arena)")
      }
      text.line()
      return
    }
    text.block("public init(structure: UnsafeRawPointer) {") { text in
      text.line("let c = structure.assumingMemoryBound(to: \(cType).self)")
      for plan in fields {
        if case .oneof = plan.shape { continue }
        text.line("\(plan.access) = \(plan.reading)")
      }
      for oneof in descriptor.realOneofs { emitReading(oneof, &text) }
    }
    text.line()
    text.block("public func structure(in arena: Arena) -> UnsafeMutableRawPointer {") { text in
      text.line("let c = arena.make(\(cType).self)")
      text.line("\(prefix)__init(c)")
      for plan in fields { plan.emitWriting(into: &text) }
      for oneof in descriptor.realOneofs { emitWriting(oneof, &text) }
      text.line("return UnsafeMutableRawPointer(c)")
    }
    text.line()
  }

  private func emitReading(_ oneof: OneofDescriptor, _ text: inout Text) {
    text.line("switch c.pointee.\(oneof.name.lowercased())_case.rawValue {")
    for plan in plans(oneof) {
      text.line("case \(plan.field.number):")
      text.line("  self.\(property(oneof)) = .\(plan.property)(\(plan.reading))")
    }
    text.line("default: break")
    text.line("}")
  }

  private func emitWriting(_ oneof: OneofDescriptor, _ text: inout Text) {
    text.line("switch self.\(property(oneof)) {")
    for plan in plans(oneof) {
      text.line("case .\(plan.property)(let value)?:")
      text.line("  \(plan.setCase(oneof.name))")
      text.line("  \(plan.writing("value"))")
    }
    text.line("case nil: break")
    text.line("}")
  }

  // MARK: JSON

  private func emitJSON(_ text: inout Text) {
    text.block("public init(json: JSONValue) throws(JSONMappingError) {") { text in
      text.line("self.init()")
      text.line("var reader = try JSONObjectReader(json)")
      if fields.isEmpty {
        text.line("if reader.next() != nil { throw reader.unknown() }")
        return
      }
      text.block("while let name = reader.next() {") { text in
        text.line("switch name {")
        for plan in fields { plan.emitJSONReading(into: &text) }
        text.line("default: throw reader.unknown()")
        text.line("}")
      }
    }
    text.line()
    text.block("public var json: JSONValue {") { text in
      if fields.isEmpty {
        text.line(".object(JSONObject())")
        return
      }
      text.line("var object = JSONObject()")
      var done: Set<String> = []
      for plan in fields {
        guard case .oneof(let oneof) = plan.shape else {
          plan.emitJSONWriting(into: &text)
          continue
        }
        guard done.insert(oneof.name).inserted else { continue }
        text.line("switch self.\(property(oneof)) {")
        for plan in plans(oneof) {
          text.line("case .\(plan.property)(let value)?:")
          text.line("  object.add(\"\(Names.json(plan.field))\", JSONMapping.json(value))")
        }
        text.line("case nil: break")
        text.line("}")
      }
      text.line("return .object(object)")
    }
    text.line()
  }

  // MARK: The wire

  private func emitWireTable(_ text: inout Text) {
    var order = [descriptor]
    var index = [descriptor.fullName: 0]
    var rows: [String] = []
    var next = 0
    while next < order.count {
      let current = order[next]
      next += 1
      let cells = current.fields.sorted { $0.number < $1.number }.map { field in
        let kind = FieldPlan(field: field, module: "").wireKind
        guard field.type == .message, let inner = field.messageType else {
          return ".init(\(field.number), .\(kind))"
        }
        if index[inner.fullName] == nil {
          index[inner.fullName] = order.count
          order.append(inner)
        }
        return ".init(\(field.number), .\(kind), \(index[inner.fullName] ?? 0))"
      }
      rows.append("[" + cells.joined(separator: ", ") + "],")
    }
    text.block("public static let wireTable = WireTable([", "])") { text in
      for row in rows { text.line(row) }
    }
  }
}
