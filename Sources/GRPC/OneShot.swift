import Synchronization

/// A value that one task waits for and that anybody may give, once: what comes first counts, and
/// whatever comes later changes nothing. The only place that holds a continuation.
final class OneShot<Value: Sendable>: Sendable {
  private enum State {
    case empty
    case waited(CheckedContinuation<Value, any Error>)
    case given(Result<Value, any Error>)
    case taken
  }

  private let state = Mutex(State.empty)

  /// Gives the value. Returns false when one was given before.
  @discardableResult
  func give(_ result: Result<Value, any Error>) -> Bool {
    let (waiter, isFirst) = state.withLock {
      state -> (CheckedContinuation<Value, any Error>?, Bool) in
      switch state {
      case .empty:
        state = .given(result)
        return (nil, true)
      case .waited(let continuation):
        state = .taken
        return (continuation, true)
      case .given, .taken:
        return (nil, false)
      }
    }
    waiter?.resume(with: result)
    return isFirst
  }

  /// True once a value was given: whoever waits, or will, gets that one.
  var isGiven: Bool {
    state.withLock { state in
      switch state {
      case .empty, .waited: false
      case .given, .taken: true
      }
    }
  }

  /// Waits for the value; for one task.
  func take() async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let result = state.withLock { state -> Result<Value, any Error>? in
        switch state {
        case .empty:
          state = .waited(continuation)
          return nil
        case .given(let result):
          state = .taken
          return result
        case .waited, .taken:
          return .failure(RPCError(.internalError, "a value was awaited twice"))
        }
      }
      if let result { continuation.resume(with: result) }
    }
  }
}
