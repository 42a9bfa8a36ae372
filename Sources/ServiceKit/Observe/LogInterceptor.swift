public import GRPC
public import Logging
public import Protobuf

/// One line a call: at `debug` for those that succeed, at `info` for those that fail. It says
/// nothing of what was asked or answered.
public struct LogInterceptor: ServerInterceptor {
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
    let known = (error as? any RPCErrorConvertible)?.rpcError
    let code: StatusCode = error is CancellationError ? .cancelled : known?.code ?? .internalError
    told(call, .info, code, known?.reason, started)
  }

  private func told(
    _ call: CallContext, _ level: Logger.Level, _ code: StatusCode, _ reason: String?,
    _ started: ContinuousClock.Instant
  ) {
    var facts = call.logMetadata
    facts["method"] = "\(call.method.path)"
    facts["code"] = "\(code.name)"
    if let reason { facts["reason"] = "\(reason)" }
    facts["caller"] = "\(call.peer.serviceName ?? "-")"
    facts["ms"] = "\(started.duration(to: .now) / .milliseconds(1))"
    logger.log(level: level, "call", metadata: facts)
  }
}
