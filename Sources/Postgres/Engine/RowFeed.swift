import Synchronization

/// Rows on their way from the engine's thread to one reader. The thread never waits for the reader:
/// when the feed is full it stops reading that connection's socket until the reader has caught up.
final class RowFeed: Sendable {
  private struct State {
    var blocks = Ring<RowBlock>()
    var bytes = 0
    var end: Result<Void, PostgresError>?
    /// The engine stopped reading.
    var isPaused = false
    var reader: UnsafeContinuation<Void, Never>?

    /// Lets a reader wait unless there is something for it now.
    /// - Returns: who is to be woken at once: this one, or a second one that it displaced.
    mutating func park(
      _ arriving: UnsafeContinuation<Void, Never>, isCancelled: Bool
    ) -> UnsafeContinuation<Void, Never>? {
      if isCancelled || end != nil || !blocks.isEmpty { return arriving }
      defer { reader = arriving }
      return reader
    }
  }

  let lease: Lease
  private let bytesMax: Int
  private let state = Mutex(State())

  init(lease: Lease, bytesMax: Int) {
    self.lease = lease
    self.bytesMax = max(1, bytesMax)
  }

  // MARK: The engine's thread

  /// Takes rows.
  /// - Returns: whether there is room for more; if not, the reader asks the engine to go on.
  func push(_ block: RowBlock) -> Bool {
    let (hasRoom, reader) = state.withLock {
      state -> (Bool, UnsafeContinuation<Void, Never>?) in
      state.blocks.append(block)
      state.bytes += block.bytes.count
      state.isPaused = state.bytes >= bytesMax
      defer { state.reader = nil }
      return (!state.isPaused, state.reader)
    }
    reader?.resume()
    return hasRoom
  }

  /// No more rows come. Later endings are ignored.
  func end(_ outcome: Outcome) {
    let reader = state.withLock { state -> UnsafeContinuation<Void, Never>? in
      state.end = state.end ?? outcome.map { _ in () }
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume()
  }

  // MARK: The reader

  /// Whether every row was read, and the last one without an error.
  var isExhausted: Bool {
    state.withLock { state in
      guard case .success = state.end else { return false }
      return state.blocks.isEmpty
    }
  }

  /// The next rows; nil after the last.
  nonisolated(nonsending) func next(
    askingToResume engine: Engine
  ) async throws(PostgresError) -> RowBlock? {
    while true {
      guard !Task.isCancelled else { throw .cancelled }
      let (block, end, resumes) = take()
      if resumes { engine.submit(.resume(lease)) }
      if let block { return block }
      if let end {
        try end.get()
        return nil
      }
      await withTaskCancellationHandler {
        await arrival()
      } onCancel: {
        wakeReader()
      }
    }
  }

  private func take() -> (RowBlock?, Result<Void, PostgresError>?, resumes: Bool) {
    state.withLock { state in
      guard let block = state.blocks.popFirst() else { return (nil, state.end, false) }
      state.bytes -= block.bytes.count
      guard state.isPaused, state.bytes * 2 <= bytesMax else { return (block, nil, false) }
      state.isPaused = false
      return (block, nil, true)
    }
  }

  private nonisolated(nonsending) func arrival() async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      let isCancelled = Task.isCancelled
      state.withLock { $0.park(continuation, isCancelled: isCancelled) }?.resume()
    }
  }

  private func wakeReader() {
    let reader = state.withLock { state -> UnsafeContinuation<Void, Never>? in
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume()
  }
}
