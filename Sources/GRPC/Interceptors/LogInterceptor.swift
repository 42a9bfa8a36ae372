public import Logging
public import Protobuf

/// One line a call, answered or made: at `debug` for those that succeed, at `info` for those that
/// fail. It says nothing of what was asked or answered.
public struct LogInterceptor: ServerInterceptor, ClientInterceptor {
  private let logger: Logger

  /// - Parameter logger: whose level decides which calls are told.
  public init(logger: Logger) {
    self.logger = logger
  }

  /// Tells how the call ended.
  public func intercept<Request: Message, Response: Message>(
    _ request: Request, in call: CallContext,
    next: @Sendable (Request, CallContext) async throws -> Response
  ) async throws -> Response {
    let started = ContinuousClock.now
    do {
      let response = try await next(request, call)
      if logger.logLevel <= .debug { told(call, .debug, .ok, nil, started) }
      return response
    } catch {
      failed(call, error, started)
      throw error
    }
  }

  /// Tells how the stream ended.
  public func intercept(
    stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
  ) async throws {
    let started = ContinuousClock.now
    do {
      try await next(call)
      if logger.logLevel <= .debug { told(call, .debug, .ok, nil, started) }
    } catch {
      failed(call, error, started)
      throw error
    }
  }

  private func failed(
    _ call: CallContext, _ error: any Error, _ started: ContinuousClock.Instant
  ) {
    guard logger.logLevel <= .info else { return }
    let error = RPCError(ending: error)
    told(call, .info, error.code, error.reason, started)
  }

  private func told(
    _ call: CallContext, _ level: Logger.Level, _ code: StatusCode, _ reason: String?,
    _ started: ContinuousClock.Instant
  ) {
    var facts = call.logMetadata
    facts["caller"] = "\(call.peer.serviceName ?? "-")"
    log("call", facts, level, call.method.path, code, reason, started)
  }

  private func log(
    _ line: Logger.Message, _ facts: Logger.Metadata, _ level: Logger.Level, _ path: String,
    _ code: StatusCode, _ reason: String?, _ started: ContinuousClock.Instant
  ) {
    var facts = facts
    facts["method"] = "\(path)"
    facts["code"] = "\(code.name)"
    if let reason { facts["reason"] = "\(reason)" }
    facts["ms"] = "\(started.duration(to: .now) / .milliseconds(1))"
    logger.log(level: level, line, metadata: facts)
  }

  // MARK: Calls that are made

  /// Tells how a call that was made ended.
  public func intercept(
    unary call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCResponse
  ) async throws -> RPCResponse {
    let started = ContinuousClock.now
    return try await observed {
      try await next(options)
    } told: {
      made(call, options, $0, started)
    }
  }

  /// Tells how a stream that was opened ended.
  public func intercept(
    stream call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCStream
  ) async throws -> RPCStream {
    let started = ContinuousClock.now
    return try await observedStream {
      try await next(options)
    } told: {
      made(call, options, $0, started)
    }
  }

  private func made(
    _ call: ClientCallInfo, _ options: CallOptions, _ error: RPCError?,
    _ started: ContinuousClock.Instant
  ) {
    let level: Logger.Level = error == nil ? .debug : .info
    guard logger.logLevel <= level else { return }
    log(
      "call made", TraceContext(sentIn: options.metadata)?.logMetadata ?? [:], level, call.path,
      error?.code ?? .ok, error?.reason, started)
  }
}
