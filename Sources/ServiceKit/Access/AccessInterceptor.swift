import CommonAPI
import Foundation
public import GRPC
public import Protobuf

/// Enforces the access rule written at each method: which services may call it, on whose behalf,
/// with which permission, and in which organisation.
///
/// The organisation and the person come from the signed token; a request that names another
/// organisation is answered as if that one did not exist.
public struct AccessInterceptor: ServerInterceptor {
  /// The certificate name of the operator's command line, which may call every method.
  public static let operatorName = "operator"
  /// Services whose methods any peer with a certificate may call: they say nothing about tenants.
  private static let open = ["grpc.health.v1.", "grpc.reflection."]

  private let tokens: VerifiedTokens
  private let clock: ServiceClock

  /// - Parameter verifier: knows the public keys that sign context tokens.
  public init(verifier: ContextVerifier, clock: ServiceClock = .system) {
    tokens = VerifiedTokens(verifier: verifier)
    self.clock = clock
  }

  /// Lets the call through, or throws `AccessError`.
  public func intercept<Request: Message, Response: Message>(
    _ request: Request, in call: CallContext,
    next: @Sendable (Request, CallContext) async throws -> Response
  ) async throws -> Response {
    let call = try admitted(call)
    let named = (request as? any OrganizationScoped)?.organizationID
    try Self.check(call.method.access, call.verifiedCaller, organization: named)
    return try await next(request, call)
  }

  /// Streams carry no request yet: the peer and the person are checked.
  public func intercept(
    stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
  ) async throws {
    let call = try admitted(call)
    try Self.check(call.method.access, call.verifiedCaller, organization: nil)
    try await next(call)
  }

  /// The call with its verified caller, once the peer is allowed.
  private func admitted(_ call: CallContext) throws -> CallContext {
    let method = call.method
    if !Self.open.contains(where: method.service.hasPrefix) {
      guard let peer = call.peer.serviceName else { throw AccessError.peerNotAllowed }
      guard peer == Self.operatorName || method.access.callers.contains(peer) else {
        throw AccessError.peerNotAllowed
      }
    }
    guard let token = call.metadata.first(binary: ContextVerifier.metadataKey) else { return call }
    guard let caller = tokens.caller(token, at: clock.now()) else {
      throw AccessError.contextInvalid
    }
    var call = call
    call.verifiedCaller = caller
    return call
  }

  private static func check(
    _ rule: AccessRule, _ caller: Caller?, organization named: String?
  ) throws {
    switch rule.subject {
    case .nobody: return
    case .account:
      guard caller != nil else { throw AccessError.contextMissing }
    case .member, .staff:
      guard let caller, let organization = caller.organizationID else {
        throw AccessError.contextMissing
      }
      if let named, UUID(text: named) != organization {
        throw AccessError.organizationNotFound
      }
      if rule.subject == .staff, !caller.isStaff { throw AccessError.staffOnly }
    case .unspecified, .unrecognized:
      throw AccessError.peerNotAllowed
    }
    if !rule.permission.isEmpty { try caller?.require(rule.permission) }
  }
}
