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

  private var unary: [MethodDescriptor] {
    methods.map(\.method).filter { !$0.clientStreaming && !$0.serverStreaming }
  }

  private func type(_ descriptor: Descriptor) -> String {
    let other = Layout.module(of: descriptor.file)
    return other == module ? Names.type(descriptor) : "\(other).\(Names.type(descriptor))"
  }

  /// The modules to import beside its own.
  var imports: Set<String> {
    var modules: Set = ["CommonAPI"]
    if module != "GRPC" { modules.insert("GRPC") }
    for method in unary {
      modules.insert(Layout.module(of: method.inputType.file))
      modules.insert(Layout.module(of: method.outputType.file))
    }
    return modules.subtracting([module])
  }

  /// The modules among them that public declarations name.
  var publicImports: Set<String> {
    var modules: Set<String> = module == "GRPC" ? [] : ["GRPC"]
    for method in unary {
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
      for method in unary {
        text.doc(method, orElse: "Answers `\(method.name)`.")
        text.line("func \(Names.function(method))(")
        text.line("  _ request: \(type(method.inputType)), in call: CallContext")
        text.line(") async throws -> \(type(method.outputType))")
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
    return "AccessRule(callers: [\(callers)], subject: .\(subject), "
      + "permission: \"\(access.permission)\", effect: .\(effect))"
  }

  private func emitBinding(_ text: inout Text) {
    let function = name.prefix(1).lowercased() + name.dropFirst()
    guard unary.count == methods.count else { return }
    text.block("extension ServiceBinding {") { text in
      text.line("/// Binds an implementation of `\(service.fullName)`.")
      text.line("public static func \(function)(")
      text.line("  _ service: some \(name)Protocol")
      text.block(") -> ServiceBinding {") { text in
        text.block("ServiceBinding(\(name)Methods.service, [", "])") { text in
          for method in unary {
            let function = Names.function(method)
            text.block(".unary(\(name)Methods.\(function)) {", "},") { text in
              text.line("(request: \(type(method.inputType)), call) in")
              text.line("try await service.\(function)(request, in: call)")
            }
          }
        }
      }
    }
    text.line()
  }

  private func emitClient(_ text: inout Text) {
    text.line("/// Calls `\(service.fullName)`. Every method throws `RPCError`.")
    text.block("public struct \(name)Client: Sendable {") { text in
      text.line("private let channel: any RPCChannel")
      text.line()
      text.line("/// - Parameter channel: the way to a server.")
      text.line("public init(_ channel: any RPCChannel) { self.channel = channel }")
      for method in unary {
        text.line()
        text.doc(method, orElse: "Calls `\(method.name)`.")
        text.line("public func \(Names.function(method))(")
        text.line("  _ request: \(type(method.inputType)), options: CallOptions = .init()")
        text.block(") async throws -> \(type(method.outputType)) {") { text in
          text.line(
            "try await channel.unary(\(name)Methods.\(Names.function(method)), request, "
              + "options: options)")
        }
      }
    }
  }
}
