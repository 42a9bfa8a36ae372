public import Logging
public import Protobuf

/// Gives every call a trace, so that logs of every service it passes can be laid side by side. A
/// server reads that of its caller, or begins one; a client begins one for calls that have none,
/// while those made with `CallContext.onward` have that of the call they are made for.
public struct TraceInterceptor: ServerInterceptor, ClientInterceptor {
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
    call.trace = TraceContext(sentIn: call.metadata) ?? TraceContext()
    return call
  }

  /// Gives a call that is made its trace.
  public func intercept(
    unary call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCResponse
  ) async throws -> RPCResponse {
    try await next(Self.traced(options))
  }

  /// Gives a stream that is opened its trace.
  public func intercept(
    stream call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCStream
  ) async throws -> RPCStream {
    try await next(Self.traced(options))
  }

  private static func traced(_ options: CallOptions) -> CallOptions {
    guard options.metadata.first(TraceContext.key) == nil else { return options }
    var options = options
    options.metadata.append(TraceContext().traceparent, for: TraceContext.key)
    return options
  }
}

extension TraceContext {
  /// The trace that metadata name; nil when they name none, or one that is not valid.
  init?(sentIn metadata: Metadata) {
    guard let text = metadata.first(Self.key) else { return nil }
    self.init(traceparent: text)
  }

  var logMetadata: Logger.Metadata { ["trace_id": "\(traceID)", "span_id": "\(spanID)"] }
}

extension CallContext {
  /// What a log line about this call says of it: trace, span, and the request of the edge.
  public var logMetadata: Logger.Metadata {
    var facts = trace?.logMetadata ?? [:]
    // Ids are short; what is longer was made up to fill our logs.
    if let request = metadata.first("x-request-id"), request.utf8.count <= 64 {
      facts["request_id"] = "\(request)"
    }
    return facts
  }
}
