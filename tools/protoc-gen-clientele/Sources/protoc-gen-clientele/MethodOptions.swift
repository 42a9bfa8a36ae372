import SwiftProtobufPluginLibrary

/// What the options of a method say: who may call it, and its routes. Extensions are unknown
/// fields to SwiftProtobuf; these few are read by hand.
struct MethodRules {
  struct Access {
    var callers: [String] = []
    var subject = 0
    var permission = ""
    var effect = 0
    var criticality = 0

    static let subjects = ["unspecified", "nobody", "account", "member", "staff"]
    static let effects = ["unspecified", "read", "write"]
    static let criticalities = [
      "unspecified", "criticalPlus", "critical", "sheddablePlus", "sheddable",
    ]
    static let criticalityWords = ["", "critical plus", "critical", "sheddable plus", "sheddable"]
  }

  struct Route {
    var method = ""
    var pattern = ""
    var body = ""
  }

  var access: Access?
  var routes: [Route] = []

  init(_ method: MethodDescriptor) throws {
    for field in try Self.fields(Array(method.options.unknownFields.data)) {
      switch field.number {
      case 51001: access = try Self.access(field.bytes)
      case 72_295_728: routes += try Self.routes(field.bytes)
      default: break
      }
    }
    if Layout.isForeign(method.file.package) {
      // Health and reflection say themselves whom they answer.
      access = Access(callers: ["*"], subject: 1, permission: "", effect: 1)
      return
    }
    if access == nil, Layout.outside != nil {
      access = Access(callers: ["*"], subject: 1, permission: "", effect: 1)
      return
    }
    guard let access else {
      throw GeneratorError("\(method.fullName): the option (clientele.common.v1.access) is missing")
    }
    guard (1..<Access.subjects.count).contains(access.subject) else {
      throw GeneratorError("\(method.fullName): the access rule names no subject")
    }
    guard (1..<Access.effects.count).contains(access.effect) else {
      throw GeneratorError("\(method.fullName): the access rule names no effect")
    }
    guard Access.criticalities.indices.contains(access.criticality) else {
      throw GeneratorError("\(method.fullName): the access rule's criticality is unknown")
    }
  }

  private static func access(_ bytes: [UInt8]) throws -> Access {
    var access = Access()
    for field in try fields(bytes) {
      switch field.number {
      case 1: access.callers.append(String(decoding: field.bytes, as: UTF8.self))
      case 2: access.subject = Int(truncatingIfNeeded: field.varint)
      case 3: access.permission = String(decoding: field.bytes, as: UTF8.self)
      case 4: access.effect = Int(truncatingIfNeeded: field.varint)
      case 5: access.criticality = Int(truncatingIfNeeded: field.varint)
      default: break
      }
    }
    return access
  }

  private static func routes(_ bytes: [UInt8]) throws -> [Route] {
    let verbs = [2: "GET", 3: "PUT", 4: "POST", 5: "DELETE", 6: "PATCH"]
    var route = Route()
    var more: [Route] = []
    for field in try fields(bytes) {
      let text = String(decoding: field.bytes, as: UTF8.self)
      if let verb = verbs[field.number] {
        route.method = verb
        route.pattern = text
      } else if field.number == 7 {
        route.body = text
      } else if field.number == 11 {
        more += try routes(field.bytes)
      } else {
        throw GeneratorError("google.api.http: only verbs, body and additional_bindings are known")
      }
    }
    return [route] + more
  }

  private struct WireField {
    var number = 0
    var varint: UInt64 = 0
    var bytes: [UInt8] = []
  }

  private static func fields(_ bytes: [UInt8]) throws -> [WireField] {
    var rest = bytes[...]
    func varint() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = rest.popFirst() else { break }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      throw GeneratorError("malformed method options")
    }
    var fields: [WireField] = []
    while !rest.isEmpty {
      let tag = try varint()
      var field = WireField(number: Int(tag >> 3))
      switch tag & 7 {
      case 0: field.varint = try varint()
      case 2:
        let length = Int(try varint())
        guard length <= rest.count else { throw GeneratorError("malformed method options") }
        field.bytes = Array(rest.prefix(length))
        rest.removeFirst(length)
      default: throw GeneratorError("malformed method options")
      }
      fields.append(field)
    }
    return fields
  }
}
