public import CommonAPI
public import Protobuf

/// What is known of a method before it is called; generated from the proto.
///
/// Copies share one storage, so that handing it along with every call costs nothing.
public struct MethodDescriptor: Sendable {
  private final class Storage: Sendable {
    let service: String
    let name: String
    let path: String
    let clientStreaming: Bool
    let serverStreaming: Bool
    let access: AccessRule
    let httpRules: [HTTPRule]
    let requestType: any Message.Type
    let responseType: any Message.Type

    init(
      service: String, name: String, clientStreaming: Bool, serverStreaming: Bool,
      access: AccessRule, httpRules: [HTTPRule], requestType: any Message.Type,
      responseType: any Message.Type
    ) {
      self.service = service
      self.name = name
      self.path = "/\(service)/\(name)"
      self.clientStreaming = clientStreaming
      self.serverStreaming = serverStreaming
      self.access = access
      self.httpRules = httpRules
      self.requestType = requestType
      self.responseType = responseType
    }
  }

  private let storage: Storage

  /// Describes a method; called by generated code.
  public init(
    service: String, name: String, clientStreaming: Bool = false, serverStreaming: Bool = false,
    access: AccessRule, httpRules: [HTTPRule] = [], requestType: any Message.Type,
    responseType: any Message.Type
  ) {
    storage = Storage(
      service: service, name: name, clientStreaming: clientStreaming,
      serverStreaming: serverStreaming, access: access, httpRules: httpRules,
      requestType: requestType, responseType: responseType)
  }

  /// The full name of the service, such as `clientele.identity.v1.IdentityService`.
  public var service: String { storage.service }
  /// The name of the method, such as `SignIn`.
  public var name: String { storage.name }
  /// What is called on the wire: `/package.Service/Method`.
  public var path: String { storage.path }
  /// True when the caller sends a stream of messages.
  public var clientStreaming: Bool { storage.clientStreaming }
  /// True when the server answers with a stream of messages.
  public var serverStreaming: Bool { storage.serverStreaming }
  /// Who may call it.
  public var access: AccessRule { storage.access }
  /// How the gateway shows it; empty when it does not.
  public var httpRules: [HTTPRule] { storage.httpRules }
  /// The type of the request.
  public var requestType: any Message.Type { storage.requestType }
  /// The type of the answer.
  public var responseType: any Message.Type { storage.responseType }
}

/// One JSON route of a method, from `google.api.http`.
public struct HTTPRule: Sendable, Hashable {
  /// The HTTP method in upper case, such as `GET`.
  public let method: String
  /// The path with its variables, such as `/v1/organizations/{organization_id}/clients`.
  public let pattern: String
  /// The request field the body fills: empty for no body, `*` for every field the path leaves.
  public let body: String

  /// Describes a route; called by generated code.
  public init(method: String, pattern: String, body: String = "") {
    self.method = method
    self.pattern = pattern
    self.body = body
  }
}

/// What is known of a service; generated from the proto.
public struct ServiceDescriptor: Sendable {
  /// Package and name, such as `clientele.identity.v1.IdentityService`.
  public let fullName: String
  /// Its methods in the order of the proto.
  public let methods: [MethodDescriptor]
  /// A serialised `google.protobuf.FileDescriptorSet` with the file that declares the service and
  /// every file that one needs; reflection answers from it.
  public let fileDescriptors: [UInt8]

  /// Describes a service; called by generated code.
  public init(fullName: String, methods: [MethodDescriptor], fileDescriptors: [UInt8]) {
    self.fullName = fullName
    self.methods = methods
    self.fileDescriptors = fileDescriptors
  }
}
