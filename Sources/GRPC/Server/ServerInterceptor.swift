public import Protobuf

/// What every unary call of a server passes through, around its handler: access rules, logs.
public protocol ServerInterceptor: Sendable {
  /// Calls `next` once, or throws instead.
  func intercept<Request: Message, Response: Message>(
    _ request: Request, in call: CallContext,
    next: @Sendable (Request, CallContext) async throws -> Response
  ) async throws -> Response

  /// Decides about a call with streams before its handler starts; the call goes on with what is
  /// returned. Throws to refuse. Allows everything unless written otherwise.
  func admit(stream call: CallContext) async throws -> CallContext
}

extension ServerInterceptor {
  /// Allows every call.
  public func admit(stream call: CallContext) async throws -> CallContext { call }
}
