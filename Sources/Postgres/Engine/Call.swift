/// What a call ends with: each query's rows, or why not.
typealias Outcome = Result<[RowBlock], PostgresError>

/// One round trip on its way through the pool.
///
/// Safety: `@unchecked` since it is handed over, not shared: the caller fills it and submits it
/// through the engine's mutex; from then on only the engine's thread touches it; the continuation
/// hands the outcome back. `finish` takes the continuation out, so it is resumed once.
final class Call: @unchecked Sendable {
  enum Purpose: Sendable {
    /// One transaction on any connection.
    case single
    /// BEGIN on a connection that stays reserved.
    case begin
    /// A step of an open transaction.
    case step(Lease)
    /// Its COMMIT.
    case commit(Lease)
    /// Its ROLLBACK.
    case rollback(Lease)
    /// Ends a single call's transaction that was refused in between; nobody waits for it.
    case cleanUp(Lease)
  }

  let purpose: Purpose
  let scope: Scope
  let queries: [AnyQuery]
  let deadline: ContinuousClock.Instant
  let load: CallLoad
  var blocks: [RowBlock] = []
  var failure: PostgresError?
  /// Which query was refused, counted from 0; −1 before the first.
  var failedQuery = -1
  /// How often it was sent anew: a statement was no longer, or not yet, prepared, or another
  /// transaction was in its way.
  var retryCount = 0
  static let retryCountMax = 3
  /// The transaction before it on its connection was still to be rolled back: nothing of it ran.
  var cameTooEarly = false
  var lease: Lease?
  /// Whether followers of the feed are to hear of it.
  let announces: Bool
  /// Where its rows go one after the other, if not into `blocks`.
  let feed: RowFeed?
  /// Nobody waits any more; only its answers are still to be read.
  private(set) var isFinished = false
  /// Its task was cancelled, perhaps before the engine has seen it.
  var isWithdrawn = false
  private var continuation: UnsafeContinuation<Outcome, Never>?

  init(
    _ purpose: Purpose, scope: Scope, queries: [AnyQuery], deadline: ContinuousClock.Instant,
    announces: Bool = false, feed: RowFeed? = nil
  ) {
    self.purpose = purpose
    self.scope = scope
    self.queries = queries
    self.deadline = deadline
    self.feed = feed
    var bytes = 0
    var writes = false
    var announces = announces
    var isCritical = !queries.isEmpty
    for query in queries {
      announces = announces || query.text.announces
      bytes += query.parameters.bytes.count
      writes = writes || query.text.writes
      isCritical = isCritical && query.text.isCritical
    }
    self.announces = announces
    let kind: CallLoad.Kind
    switch purpose {
    case .single: kind = writes ? .write : .read
    case .begin: kind = .reservation
    case .step, .commit, .rollback, .cleanUp: kind = .write
    }
    load = CallLoad(
      kind: kind, statements: queries.count + 1, bytes: bytes, isCritical: isCritical)
  }

  /// Whether the prologue rides along.
  var carriesPrologue: Bool {
    switch purpose {
    case .single, .begin: true
    case .step, .commit, .rollback, .cleanUp: false
    }
  }

  /// Whether it is a transaction of its own.
  var isSingle: Bool { if case .single = purpose { true } else { false } }

  /// Whether it is sent even when its deadline has passed.
  var isDueAnyway: Bool {
    switch purpose {
    case .rollback, .cleanUp: true
    case .single, .begin, .step, .commit: false
    }
  }

  /// Whether its effect still waits for a COMMIT.
  var isOpenStep: Bool {
    switch purpose {
    case .single, .commit: false
    case .begin, .step, .rollback, .cleanUp: true
    }
  }

  /// Whether it may have taken effect when its Sync is lost.
  var lossIsUnknown: Bool {
    switch purpose {
    case .single: load.kind == .write
    case .commit: true
    case .begin, .step, .rollback, .cleanUp: false
    }
  }

  /// Hands it to the engine and waits. A task that is cancelled takes back a call that still waits
  /// for a connection; what was sent will be answered, and deadlines bound it.
  nonisolated(nonsending) func perform(on engine: Engine) async -> Outcome {
    guard carriesPrologue else { return await outcome(of: engine) }
    return await withTaskCancellationHandler {
      await outcome(of: engine)
    } onCancel: {
      engine.submit(.withdraw(self))
    }
  }

  private nonisolated(nonsending) func outcome(of engine: Engine) async -> Outcome {
    await withUnsafeContinuation { continuation in
      self.continuation = continuation
      if !engine.submit(.call(self)) {
        finish(.failure(.unavailable("the pool is closed")))
      }
    }
  }

  /// Ends the caller's wait; later endings are ignored.
  /// - Returns: whether it was the first.
  @discardableResult
  func finish(_ outcome: Outcome) -> Bool {
    defer { isFinished = true }
    feed?.end(outcome)
    guard let continuation else { return !isFinished }
    self.continuation = nil
    continuation.resume(returning: outcome)
    return true
  }

  /// Forgets what came back, before the call is sent anew.
  func startAnew() {
    blocks.removeAll()
    failure = nil
    failedQuery = -1
    // What never ran is no attempt of its own; its deadline bounds how often it comes too early.
    if !cameTooEarly { retryCount += 1 }
    cameTooEarly = false
  }
}
