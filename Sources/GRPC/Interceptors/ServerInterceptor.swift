public import Protobuf

/// What every call of a server passes through, around its handler: access rules, logs.
public protocol ServerInterceptor: Sendable {
  /// Around a call with one request and one answer. Calls `next` once, or throws instead.
  func intercept<Request: Message, Response: Message>(
    _ request: Request, in call: CallContext,
    next: @Sendable (Request, CallContext) async throws -> Response
  ) async throws -> Response

  /// Around a call with a stream of messages, of which it sees none: `next` returns when the
  /// handler has ended. Calls `next` once, with the call that those after it get, or throws to
  /// refuse. Lets everything through unless written otherwise.
  func intercept(
    stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
  ) async throws
}

extension ServerInterceptor {
  /// Lets every call through.
  public func intercept(
    stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
  ) async throws {
    try await next(call)
  }
}
