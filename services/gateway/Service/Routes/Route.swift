import CommonAPI
import GRPC
import Protobuf

/// One way to call a method over HTTP.
struct Route: Sendable {
  /// What is called.
  let method: MethodDescriptor
  /// HTTP method, path, and what the body fills.
  let rule: HTTPRule
  let pattern: PathPattern
  /// Fields of the request that the gateway fills itself.
  let takesRequestID: Bool
  let takesRemoteAddress: Bool

  /// A rule that does not fit its request.
  struct Unfit: Error, CustomStringConvertible {
    let description: String
  }

  init(_ method: MethodDescriptor, _ rule: HTTPRule, shapes: MessageShapes) throws {
    self.method = method
    self.rule = rule
    pattern = try PathPattern(rule.pattern)
    let request = method.requestType.fullName
    guard shapes.fields(of: request) != nil else {
      throw Unfit(description: "no descriptor of \(request)")
    }
    for path in pattern.variables {
      guard let field = shapes.fields(along: path, from: request)?.last, field.isScalar,
        !field.isRepeated
      else {
        throw Unfit(description: "\(rule.pattern): {\(path.joined(separator: "."))} is no field")
      }
    }
    guard rule.body.isEmpty || rule.body == "*" || shapes.field(rule.body, of: request) != nil
    else { throw Unfit(description: "\(rule.pattern): the body fills no field") }
    guard !Self.needsOrganization(method) || shapes.field("organization_id", of: request) != nil
    else { throw Unfit(description: "\(method.path) is for members and names no organisation") }
    takesRequestID = shapes.field("request_id", of: request) != nil
    takesRemoteAddress = shapes.field("remote_address", of: request) != nil
  }

  /// The full name of the method as resolutions spell it: `package.Service/Method`.
  var rpc: String { String(method.path.dropFirst()) }

  /// True when nobody needs to be signed in.
  var isPublic: Bool { method.access.subject == .nobody }

  /// True when the call is bound to an organisation.
  var needsOrganization: Bool { Self.needsOrganization(method) }

  private static func needsOrganization(_ method: MethodDescriptor) -> Bool {
    method.access.subject == .member || method.access.subject == .staff
  }

  /// True when an attempt may be repeated without harm.
  var isRepeatable: Bool { method.access.effect == .read || takesRequestID }
}

/// Every route, made from the method tables.
struct RouteTable: Sendable {
  private(set) var tree = RouteTree()
  /// The first route of each rpc, by `package.Service/Method`.
  private(set) var byRPC: [String: Route] = [:]
  let shapes: MessageShapes

  /// - Parameter services: whose methods with HTTP rules are shown.
  init(_ services: [ServiceDescriptor]) throws {
    var shapes = MessageShapes()
    for service in services { try shapes.add(service.fileDescriptors) }
    self.shapes = shapes
    for method in services.flatMap(\.methods) {
      for rule in method.httpRules {
        let route = try Route(method, rule, shapes: shapes)
        try tree.add(route)
        if byRPC[route.rpc] == nil { byRPC[route.rpc] = route }
      }
    }
  }
}
