/// What a call ends with: each query's rows, or why not.
typealias Outcome = Result<[RowBlock], PostgresError>

/// A reserved connection, as long as it is the same one.
struct Lease: Sendable, Hashable {
  let slot: Int
  let generation: UInt64
}

/// One round trip on its way through the pool.
///
/// Safety: `@unchecked` since it is handed over, not shared: the caller fills it and submits it
/// through the engine's mutex; from then on only the engine's thread touches it; the continuation
/// hands the outcome back. `finish` takes the continuation out, so it is resumed once.
final class Call: @unchecked Sendable {
  enum Purpose: Sendable {
    /// One implicit transaction on any connection.
    case single
    /// BEGIN on a connection that stays reserved.
    case begin
    /// A step of an open transaction.
    case step(Lease)
    /// Its COMMIT.
    case commit(Lease)
    /// Its ROLLBACK.
    case rollback(Lease)
  }

  let purpose: Purpose
  let scope: Scope
  let queries: [AnyQuery]
  let deadline: ContinuousClock.Instant
  let load: PoolState.Load
  /// When the wait for a connection ends.
  var queuedUntil: ContinuousClock.Instant
  var blocks: [RowBlock] = []
  var failure: PostgresError?
  /// Which query was refused, counted from 0; −1 before the first.
  var failedQuery = -1
  /// How often it was sent anew because a statement was no longer, or not yet, prepared.
  var retryCount = 0
  static let retryCountMax = 3
  var lease: Lease?
  /// Whether followers of the feed are to hear of it.
  let announces: Bool
  /// Nobody waits any more; only its answers are still to be read.
  private(set) var isFinished = false
  private var continuation: UnsafeContinuation<Outcome, Never>?

  init(
    _ purpose: Purpose, scope: Scope, queries: [AnyQuery], deadline: ContinuousClock.Instant,
    queueWait: Duration, announces: Bool = false
  ) {
    self.purpose = purpose
    self.scope = scope
    self.queries = queries
    self.deadline = deadline
    self.queuedUntil = min(deadline, ContinuousClock.now + queueWait)
    var bytes = 0
    var writes = false
    var announces = announces
    for query in queries {
      announces = announces || query.text.announces
      bytes += query.parameters.bytes.count
      writes = writes || query.text.writes
    }
    self.announces = announces
    let kind: PoolState.Load.Kind
    switch purpose {
    case .single: kind = writes ? .write : .read
    case .begin: kind = .reservation
    case .step, .commit, .rollback: kind = .write
    }
    load = PoolState.Load(kind: kind, statements: queries.count + 1, bytes: bytes)
  }

  /// Whether the prologue rides along.
  var carriesPrologue: Bool {
    switch purpose {
    case .single, .begin: true
    case .step, .commit, .rollback: false
    }
  }

  /// Whether its effect still waits for a COMMIT.
  var isOpenStep: Bool {
    switch purpose {
    case .single, .commit: false
    case .begin, .step, .rollback: true
    }
  }

  /// Whether it may have taken effect when its Sync is lost.
  var lossIsUnknown: Bool {
    switch purpose {
    case .single: load.kind == .write
    case .commit: true
    case .begin, .step, .rollback: false
    }
  }

  /// Hands it to the engine and waits. Not cancellable: deadlines bound it, and what was sent will
  /// be answered.
  nonisolated(nonsending) func perform(on engine: Engine) async -> Outcome {
    await withUnsafeContinuation { continuation in
      self.continuation = continuation
      if !engine.submit(.call(self)) {
        finish(.failure(.unavailable("the pool is closed")))
      }
    }
  }

  /// Ends the caller's wait; later endings are ignored.
  func finish(_ outcome: Outcome) {
    isFinished = true
    guard let continuation else { return }
    self.continuation = nil
    continuation.resume(returning: outcome)
  }

  /// Forgets what came back, before the call is sent anew.
  func startAnew() {
    blocks.removeAll()
    failure = nil
    failedQuery = -1
    retryCount += 1
  }
}
