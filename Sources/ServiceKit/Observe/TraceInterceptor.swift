public import GRPC
public import Logging
public import Protobuf

/// Reads the trace a call belongs to, or begins one, so that logs of every service it passes can be
/// laid side by side.
public struct TraceInterceptor: ServerInterceptor {
  /// Needs nothing.
  public init() {}

  /// Gives the call its trace.
  public func intercept<Request: Message, Response: Message>(
    _ request: Request, in call: CallContext,
    next: @Sendable (Request, CallContext) async throws -> Response
  ) async throws -> Response {
    try await next(request, Self.traced(call))
  }

  /// Gives the stream its trace.
  public func intercept(
    stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
  ) async throws {
    try await next(Self.traced(call))
  }

  private static func traced(_ call: CallContext) -> CallContext {
    var call = call
    let sent = call.metadata.first(TraceContext.key).flatMap(TraceContext.init(traceparent:))
    call.trace = sent ?? TraceContext()
    return call
  }
}

extension CallContext {
  /// What a log line about this call says of it: trace, span, and the request of the edge.
  public var logMetadata: Logger.Metadata {
    var facts: Logger.Metadata = [:]
    if let trace {
      facts["trace_id"] = "\(trace.traceID)"
      facts["span_id"] = "\(trace.spanID)"
    }
    // Ids are short; what is longer was made up to fill our logs.
    if let request = metadata.first("x-request-id"), request.utf8.count <= 64 {
      facts["request_id"] = "\(request)"
    }
    return facts
  }
}
