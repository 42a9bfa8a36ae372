import Synchronization

/// Wakes a worker early: a handler calls `wake()` after it committed a job, and the worker looks at
/// once. A hint only; the worker looks every so often anyway, so a lost one costs a moment.
public final class WakeSignal: Sendable {
  private let listener = Mutex<AsyncStream<Void>.Continuation?>(nil)

  /// A signal nobody listens to yet.
  public init() {}

  /// Wakes the worker, if there is one. Never waits; many at once count as one.
  public func wake() {
    listener.withLock { _ = $0?.yield() }
  }

  /// Runs something at once, then after each wake and at the latest after each interval, until the
  /// task is cancelled or `body` throws.
  public func repeating(
    atLeastEvery interval: Duration, _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    let (wakes, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    listener.withLock { $0 = continuation }
    continuation.yield()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        while !Task.isCancelled {
          try await Task.sleep(for: interval)
          continuation.yield()
        }
      }
      group.addTask {
        for await _ in wakes { try await body() }
        throw CancellationError()
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }
}
