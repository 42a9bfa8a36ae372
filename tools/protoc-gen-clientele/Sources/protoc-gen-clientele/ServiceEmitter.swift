import SwiftProtobufPluginLibrary

/// The Swift of a service: what a server implements, what a client calls, what is known of both.
struct ServiceEmitter {
  private let service: ServiceDescriptor
  private let methods: [(method: MethodDescriptor, rules: MethodRules)]
  private let module: String

  init(_ service: ServiceDescriptor) throws {
    self.service = service
    methods = try service.methods.map { ($0, try MethodRules($0)) }
    module = Layout.serviceModule(of: service.file)
  }

  /// "IdentityService", or with the version where two have one name.
  private var name: String {
    (Layout.namespace(of: service.file) ?? "") + service.name
  }

  private func type(_ descriptor: Descriptor) -> String {
    let other = Layout.module(of: descriptor.file)
    return other == module ? Names.type(descriptor) : "\(other).\(Names.type(descriptor))"
  }

  /// The modules to import beside its own.
  var imports: Set<String> {
    var modules: Set = ["CommonAPI"]
    if module != "GRPC" { modules.insert("GRPC") }
    for (method, _) in methods {
      modules.insert(Layout.module(of: method.inputType.file))
      modules.insert(Layout.module(of: method.outputType.file))
    }
    return modules.subtracting([module])
  }

  /// The modules among them that public declarations name.
  var publicImports: Set<String> {
    var modules: Set<String> = module == "GRPC" ? [] : ["GRPC"]
    for (method, _) in methods {
      modules.insert(Layout.module(of: method.inputType.file))
      modules.insert(Layout.module(of: method.outputType.file))
    }
    return modules.subtracting([module])
  }

  func emit(into text: inout Text) {
    emitProtocol(&text)
    emitMethods(&text)
    emitBinding(&text)
    emitClient(&text)
  }

  private func emitProtocol(_ text: inout Text) {
    text.doc(service, orElse: "What a server of `\(service.fullName)` answers.")
    text.block("public protocol \(name)Protocol: Sendable {") { text in
      for (method, _) in methods {
        text.doc(method, orElse: "Answers `\(method.name)`.")
        text.line("func \(Names.function(method))(")
        let request =
          method.clientStreaming
          ? "_ requests: MessageStream<\(type(method.inputType))>"
          : "_ request: \(type(method.inputType))"
        if method.serverStreaming {
          text.line("  \(request),")
          let writer = "MessageWriter<\(type(method.outputType))>"
          text.line("  to responses: \(writer), in call: CallContext")
        } else {
          text.line("  \(request), in call: CallContext")
        }
        text.line(
          ") async throws" + (method.serverStreaming ? "" : " -> \(type(method.outputType))"))
      }
    }
    text.line()
  }

  private func emitMethods(_ text: inout Text) {
    text.line("/// The methods of `\(service.fullName)`, as its proto declares them.")
    text.block("public enum \(name)Methods {") { text in
      for (method, rules) in methods {
        text.doc(method, orElse: "`\(method.name)`.")
        text.block(
          "public static let \(Names.function(method)) = MethodDescriptor(", ")"
        ) { text in
          text.line("service: \"\(service.fullName)\",")
          text.line("name: \"\(method.name)\",")
          if method.clientStreaming { text.line("clientStreaming: true,") }
          if method.serverStreaming { text.line("serverStreaming: true,") }
          text.line("access: \(literal(rules.access ?? .init())),")
          if !rules.routes.isEmpty {
            text.block("httpRules: [", "],") { text in
              for route in rules.routes {
                text.line(
                  "HTTPRule(method: \"\(route.method)\", pattern: \"\(route.pattern)\", "
                    + "body: \"\(route.body)\"),")
              }
            }
          }
          text.line("requestType: \(type(method.inputType)).self,")
          text.line("responseType: \(type(method.outputType)).self")
        }
      }
      text.line()
      text.line("/// Every method in the order of the proto.")
      let list = methods.map { Names.function($0.method) }.joined(separator: ", ")
      text.line("public static let all: [MethodDescriptor] = [\(list)]")
      text.line()
      text.line("/// The service.")
      let files = Layout.filesEnum(ofModule: Layout.module(of: service.file))
      text.block("public static let service = ServiceDescriptor(", ")") { text in
        text.line("fullName: \"\(service.fullName)\", methods: all,")
        text.line("fileDescriptors: \(files).descriptorSet")
      }
    }
    text.line()
  }

  private func literal(_ access: MethodRules.Access) -> String {
    let callers = access.callers.map { "\"\($0)\"" }.joined(separator: ", ")
    let subject = MethodRules.Access.subjects[access.subject]
    let effect = MethodRules.Access.effects[access.effect]
    let criticality = MethodRules.Access.criticalities[access.criticality]
    return "AccessRule(callers: [\(callers)], subject: .\(subject), "
      + "permission: \"\(access.permission)\", effect: .\(effect)"
      + (access.criticality == 0 ? ")" : ", criticality: .\(criticality))")
  }

  private func emitBinding(_ text: inout Text) {
    let function = name.prefix(1).lowercased() + name.dropFirst()
    text.block("extension ServiceBinding {") { text in
      text.line("/// Binds an implementation of `\(service.fullName)`.")
      text.line("public static func \(function)(")
      text.line("  _ service: some \(name)Protocol")
      text.block(") -> ServiceBinding {") { text in
        text.block("ServiceBinding(\(name)Methods.service, [", "])") { text in
          for (method, _) in methods { emitHandler(of: method, &text) }
        }
      }
    }
    text.line()
  }

  private func emitHandler(of method: MethodDescriptor, _ text: inout Text) {
    let function = Names.function(method)
    let (kind, request) =
      switch (method.clientStreaming, method.serverStreaming) {
      case (false, false): ("unary", "request")
      case (false, true): ("serverStreaming", "request")
      case (true, false): ("clientStreaming", "requests")
      case (true, true): ("bidirectional", "requests")
      }
    let input = type(method.inputType)
    let responses = method.serverStreaming ? " to: responses," : ""
    text.block(".\(kind)(\(name)Methods.\(function)) {", "},") { text in
      text.line(
        "(\(request): \(method.clientStreaming ? "MessageStream<\(input)>" : input),"
          + (method.serverStreaming ? " responses, call) in" : " call) in"))
      text.line("try await service.\(function)(\(request),\(responses) in: call)")
    }
  }

  private func emitClient(_ text: inout Text) {
    text.line("/// Calls `\(service.fullName)`. Every method throws `RPCError`.")
    text.block("public struct \(name)Client: Sendable {") { text in
      text.line("private let channel: any RPCChannel")
      text.line()
      text.line("/// - Parameter channel: the way to a server.")
      text.line("public init(_ channel: any RPCChannel) { self.channel = channel }")
      for (method, _) in methods {
        text.line()
        text.doc(method, orElse: "Calls `\(method.name)`.")
        emitCall(of: method, &text)
      }
    }
  }

  private func emitCall(of method: MethodDescriptor, _ text: inout Text) {
    let input = type(method.inputType)
    let output = type(method.outputType)
    let (answer, function) =
      switch (method.clientStreaming, method.serverStreaming) {
      case (false, false): (output, "unary")
      case (false, true): ("ResponseStream<\(output)>", "serverStreaming")
      case (true, _): ("StreamingCall<\(input), \(output)>", "streaming")
      }
    text.line("public func \(Names.function(method))(")
    text.line(
      (method.clientStreaming ? "  " : "  _ request: \(input), ")
        + "options: CallOptions = .init()")
    text.block(") async throws -> \(answer) {") { text in
      text.line(
        "try await channel.\(function)(\(name)Methods.\(Names.function(method)), "
          + (method.clientStreaming ? "" : "request, ") + "options: options)")
    }
  }
}
