import SwiftProtobufPluginLibrary

/// The OpenAPI 3.1 document of every method that has a route.
struct OpenAPI {
  private let services: [ServiceDescriptor]
  private var schemas: OpenAPISchemas
  private(set) var document: JSON = .object([])

  init(_ services: [ServiceDescriptor], _ files: [FileDescriptor]) throws {
    self.services = services
    schemas = OpenAPISchemas()
    let paths = try paths()
    for file in files where file.package == "google.rpc" {
      for message in file.messages
      where ["Status", "ErrorInfo", "BadRequest"].contains(message.name) {
        _ = schemas.reference(message)
      }
    }
    for file in files where file.package == "clientele.common.v1" {
      for message in file.messages where message.name == "Resolutions" {
        _ = schemas.reference(message)
      }
    }
    document = .object([
      ("openapi", .string("3.1.0")),
      (
        "info",
        .object([
          ("title", .string("Clientele")),
          ("version", .string("1")),
          (
            "description",
            .string(
              "Client accounts of organisations and their professionals. Bodies are proto3 JSON; "
                + "a refusal is a google.rpc.Status whose details carry an ErrorInfo with the "
                + "reason and, where there are ways out, Resolutions.")
          ),
        ])
      ),
      ("paths", .object(paths)),
      (
        "components",
        .object([
          ("schemas", .object(schemas.drained())),
          ("responses", .object([("Refusal", refusal)])),
          ("securitySchemes", securitySchemes),
        ])
      ),
    ])
  }

  private var refusal: JSON {
    .object([
      ("description", .string("Refused, as a google.rpc.Status.")),
      (
        "content",
        .object([
          (
            "application/json",
            .object([
              ("schema", .object([("$ref", .string("#/components/schemas/google.rpc.Status"))]))
            ])
          )
        ])
      ),
    ])
  }

  private var securitySchemes: JSON {
    .object([
      (
        "bearer",
        .object([
          ("type", .string("http")), ("scheme", .string("bearer")),
          ("description", .string("The session token that signing in answers.")),
        ])
      ),
      (
        "cookie",
        .object([
          ("type", .string("apiKey")), ("in", .string("cookie")),
          ("name", .string("clientele_session")),
          (
            "description",
            .string(
              "The same token, set by signing in from a browser; over TLS its name is "
                + "__Host-clientele.")
          ),
        ])
      ),
    ])
  }

  // MARK: Paths

  private mutating func paths() throws -> [(String, JSON)] {
    var paths: [String: [(String, JSON)]] = [:]
    for service in services {
      for method in service.methods {
        let rules = try MethodRules(method)
        for (index, route) in rules.routes.enumerated() {
          let operation = operation(method, rules, route, index)
          paths[route.pattern, default: []].append((route.method.lowercased(), operation))
        }
      }
    }
    return paths.sorted { $0.key < $1.key }.map { ($0.key, .object($0.value)) }
  }

  private mutating func operation(
    _ method: MethodDescriptor, _ rules: MethodRules, _ route: MethodRules.Route, _ index: Int
  ) -> JSON {
    let comment = Text.comment(method)
    let suffix = index == 0 ? "" : "_\(index + 1)"
    var operation: [(String, JSON)] = [
      ("operationId", .string("\(method.service.name)_\(method.name)\(suffix)")),
      ("tags", .array([.string(method.service.name)])),
      ("summary", .string(Self.firstSentence(comment))),
      ("description", .string(comment.joined(separator: "\n"))),
    ]
    let inPath = Self.variables(route.pattern)
    var parameters = inPath.compactMap { name in
      method.inputType.fields.first { $0.name == name }.map { parameter($0, name, "path") }
    }
    let free = method.inputType.fields.filter { !inPath.contains($0.name) }
    if route.body != "*" {
      for field in free where field.name != route.body && field.name != "request_id" {
        if field.type == .message, schemas.wellKnown(field.messageType) == nil { continue }
        parameters.append(parameter(field, Names.json(field), "query"))
      }
    }
    if (rules.access?.effect == 2), free.contains(where: { $0.name == "request_id" }) {
      parameters.append(Self.idempotencyKey)
    }
    if !parameters.isEmpty { operation.append(("parameters", .array(parameters))) }
    if let body = body(method, route, free) { operation.append(("requestBody", body)) }
    operation.append(
      (
        "responses",
        .object([
          (
            "200",
            .object([
              ("description", .string("Done.")),
              ("content", content(schemas.reference(method.outputType))),
            ])
          ),
          ("default", .object([("$ref", .string("#/components/responses/Refusal"))])),
        ])
      ))
    let open = rules.access?.subject == 1
    operation.append(
      (
        "security",
        .array(open ? [] : [.object([("bearer", .array([]))]), .object([("cookie", .array([]))])])
      ))
    return .object(operation)
  }

  private mutating func parameter(_ field: FieldDescriptor, _ name: String, _ place: String) -> JSON
  {
    .object([
      ("name", .string(name)),
      ("in", .string(place)),
      ("required", .bool(place == "path")),
      ("description", .string(Text.comment(field).joined(separator: "\n"))),
      ("schema", schemas.schema(of: field)),
    ])
  }

  private static let idempotencyKey: JSON = .object([
    ("name", .string("Idempotency-Key")),
    ("in", .string("header")),
    ("required", .bool(false)),
    (
      "description",
      .string("A UUID that makes the call safe to repeat: a repeat answers as the first call did.")
    ),
    ("schema", .object([("type", .string("string")), ("format", .string("uuid"))])),
  ])

  private mutating func body(
    _ method: MethodDescriptor, _ route: MethodRules.Route, _ free: [FieldDescriptor]
  ) -> JSON? {
    guard !route.body.isEmpty else { return nil }
    let schema: JSON
    if route.body != "*" {
      guard let field = free.first(where: { $0.name == route.body }) else { return nil }
      schema = schemas.schema(of: field)
    } else if free.count == method.inputType.fields.count {
      schema = schemas.reference(method.inputType)
    } else {
      schema = schemas.object(free, comment: [])
    }
    return .object([("required", .bool(true)), ("content", content(schema))])
  }

  private func content(_ schema: JSON) -> JSON {
    .object([("application/json", .object([("schema", schema)]))])
  }

  /// The names between braces.
  private static func variables(_ pattern: String) -> [String] {
    pattern.split(separator: "{").dropFirst().compactMap { part in
      part.split(separator: "}").first.map(String.init)
    }
  }

  private static func firstSentence(_ comment: [String]) -> String {
    let text = comment.joined(separator: " ")
    for (index, character) in zip(text.indices, text) where character == "." {
      let next = text.index(after: index)
      if next == text.endIndex || text[next] == " " { return String(text[..<index]) }
    }
    return text
  }
}

/// The schemas that the paths refer to, made as they are asked for.
struct OpenAPISchemas {
  private var done: [String: JSON] = [:]

  mutating func drained() -> [(String, JSON)] {
    defer { done = [:] }
    return done.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func name(_ fullName: String) -> String {
    fullName.hasPrefix("clientele.") ? String(fullName.dropFirst("clientele.".count)) : fullName
  }

  private static func reference(_ name: String) -> JSON {
    .object([("$ref", .string("#/components/schemas/\(name)"))])
  }

  /// A reference to a message's schema, which is made if it is not there.
  mutating func reference(_ message: Descriptor) -> JSON {
    if let known = wellKnown(message) { return known }
    let name = Self.name(message.fullName)
    if done[name] == nil {
      done[name] = .object([])
      done[name] = object(message.fields, comment: Text.comment(message))
    }
    return Self.reference(name)
  }

  mutating func object(_ fields: [FieldDescriptor], comment: [String]) -> JSON {
    var members: [(String, JSON)] = [("type", .string("object"))]
    if !comment.isEmpty {
      members.append(("description", .string(comment.joined(separator: "\n"))))
    }
    let properties = fields.map { field -> (String, JSON) in
      guard case .object(var schema) = schema(of: field) else {
        return (Names.json(field), .object([]))
      }
      let comment = Text.comment(field)
      if !comment.isEmpty {
        schema.append(("description", .string(comment.joined(separator: "\n"))))
      }
      return (Names.json(field), .object(schema))
    }
    members.append(("properties", .object(properties)))
    return .object(members)
  }

  /// Messages that are not objects of their fields in JSON.
  func wellKnown(_ message: Descriptor) -> JSON? {
    switch message.fullName {
    case "google.protobuf.Timestamp":
      .object([("type", .string("string")), ("format", .string("date-time"))])
    case "google.protobuf.Duration":
      .object([("type", .string("string")), ("pattern", .string("^-?[0-9]+(\\.[0-9]{1,9})?s$"))])
    case "google.protobuf.FieldMask":
      .object([("type", .string("string"))])
    case "google.protobuf.Empty":
      .object([("type", .string("object"))])
    case "google.protobuf.Any":
      .object([
        ("type", .string("object")),
        ("properties", .object([("@type", .object([("type", .string("string"))]))])),
        ("additionalProperties", .bool(true)),
      ])
    default: nil
    }
  }

  mutating func schema(of field: FieldDescriptor) -> JSON {
    if field.isMap {
      let value = single(field.messageType.fields[1])
      return .object([("type", .string("object")), ("additionalProperties", value)])
    }
    guard field.isRepeated else { return single(field) }
    return .object([("type", .string("array")), ("items", single(field))])
  }

  private mutating func single(_ field: FieldDescriptor) -> JSON {
    switch field.type {
    case .double, .float: return Self.type("number", field.type == .float ? "float" : "double")
    case .int32, .sint32, .sfixed32: return Self.type("integer", "int32")
    case .uint32, .fixed32: return Self.type("integer", "uint32")
    case .int64, .sint64, .sfixed64: return Self.type("string", "int64")
    case .uint64, .fixed64: return Self.type("string", "uint64")
    case .bool: return .object([("type", .string("boolean"))])
    case .string: return .object([("type", .string("string"))])
    case .bytes:
      return .object([("type", .string("string")), ("contentEncoding", .string("base64"))])
    case .message, .group: return reference(field.messageType)
    case .enum: return reference(field.enumType)
    }
  }

  private static func type(_ type: String, _ format: String) -> JSON {
    .object([("type", .string(type)), ("format", .string(format))])
  }

  private mutating func reference(_ descriptor: EnumDescriptor) -> JSON {
    let name = Self.name(descriptor.fullName)
    let lines = descriptor.values.map { value in
      "- `\(value.name)`: " + Text.comment(value).joined(separator: " ")
    }
    done[name] = .object([
      ("type", .string("string")),
      ("description", .string((Text.comment(descriptor) + lines).joined(separator: "\n"))),
      ("enum", .array(descriptor.values.map { .string($0.name) })),
    ])
    return Self.reference(name)
  }
}
