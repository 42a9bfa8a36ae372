import Synchronization

/// Counts the calls that are made through it, method by method, as a server counts those it answers;
/// a channel's own metrics know them all together only. One value may stand before several channels.
public final class MethodMetrics: ClientInterceptor {
  private let rows = Mutex<[String: CallCounters.Row]>([:])

  /// Nothing counted yet.
  public init() {}

  /// Counts a call.
  public func intercept(
    unary call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCResponse
  ) async throws -> RPCResponse {
    let started = began(call)
    return try await observed {
      try await next(options)
    } told: {
      ended(call, $0, started)
    }
  }

  /// Counts a stream, from its opening to its end.
  public func intercept(
    stream call: ClientCallInfo, options: CallOptions,
    next: @Sendable (CallOptions) async throws -> RPCStream
  ) async throws -> RPCStream {
    let started = began(call)
    return try await observedStream {
      try await next(options)
    } told: {
      self.ended(call, $0, started)
    }
  }

  private func began(_ call: ClientCallInfo) -> ContinuousClock.Instant {
    rows.withLock { $0[call.path, default: CallCounters.Row()].started += 1 }
    return .now
  }

  private func ended(
    _ call: ClientCallInfo, _ error: RPCError?, _ started: ContinuousClock.Instant
  ) {
    let length = (ContinuousClock.now - started).clampedNanoseconds
    rows.withLock {
      $0[call.path, default: CallCounters.Row()].ended(error?.code ?? .ok, after: length)
    }
  }

  /// Every figure at this moment, of the methods that were called.
  public func samples() -> [MetricSample] {
    rows.withLock { $0 }.sorted { $0.key < $1.key }
      .flatMap { $0.value.samples("grpc_client_method", method: $0.key) }
  }
}
