import Synchronization

/// What comes before and after the messages of a call with streams.
final class StreamAnswer: Sendable {
  private struct State {
    var headers: Metadata?
    var trailers = Metadata()
    var end: Result<Void, RPCError>?
    var waiters: [OneShot<Metadata>] = []
  }

  private let state = Mutex(State())

  /// The headers came.
  func began(_ headers: Metadata) {
    let waiters = state.withLock { state in
      state.headers = headers
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.give(.success(headers)) }
  }

  /// The call is over. An answer without headers had none.
  func ended(_ trailers: Metadata, _ error: RPCError?) {
    let waiters = state.withLock { state in
      guard state.end == nil else { return [] as [OneShot<Metadata>] }
      state.end = error.map { .failure($0) } ?? .success(())
      state.trailers = trailers
      defer { state.waiters = [] }
      return state.waiters
    }
    let given: Result<Metadata, any Error> = error.map { .failure($0) } ?? .success(Metadata())
    for waiter in waiters { waiter.give(given) }
  }

  /// Empty until the call is over.
  var trailers: Metadata { state.withLock { $0.trailers } }

  /// Waits for the headers. Throws `RPCError` when the call failed before.
  func headers() async throws -> Metadata {
    let waiter = OneShot<Metadata>()
    let now = state.withLock { state -> Result<Metadata, RPCError>? in
      if let headers = state.headers { return .success(headers) }
      if let end = state.end { return end.map { Metadata() } }
      state.waiters.append(waiter)
      return nil
    }
    if let now { return try now.get() }
    return try await withTaskCancellationHandler {
      try await waiter.take()
    } onCancel: {
      waiter.give(.failure(RPCError(.cancelled, "the reader was cancelled")))
    }
  }
}
