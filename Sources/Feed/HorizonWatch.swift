import GRPC
import Postgres
import ServiceKit
import ServiceStorage
import Synchronization

/// Tells how long the oldest running transaction has held the feed back.
///
/// Its start is not for this role to see, so it is told from how long the horizon has not moved
/// although a transaction runs.
final class HorizonWatch: Table, Sendable {
  private struct State {
    var oldest: TransactionID?
    /// Since when the oldest running transaction was seen; nil while none runs.
    var since: ContinuousClock.Instant?
    /// Whether the alert is known to be cleared.
    var isCleared = false
  }

  private static let alert = "feed.horizon"
  private static let select = Statement<HorizonRow>(
    """
    select pg_snapshot_xmin(s), pg_snapshot_xmax(s) from (select pg_current_snapshot() as s) now
    """)

  static var statements: [any DescribedStatement] { [select] }

  private let worker: Database
  private let settings: FeedServer.Settings
  private let state = Mutex(State())

  init(worker: Database, settings: FeedServer.Settings) {
    self.worker = worker
    self.settings = settings
  }

  /// How long the oldest running transaction has been seen; zero while none runs.
  private var age: Duration {
    state.withLock { $0.since }.map { $0.duration(to: .now) } ?? .zero
  }

  func samples() -> [MetricSample] {
    [
      MetricSample(
        name: "clientele_feed_horizon_age_seconds",
        help: "How long the oldest running transaction has held the feed back.", kind: .gauge,
        value: age / .seconds(1))
    ]
  }

  var task: BackgroundTask {
    BackgroundTask("feed-horizon") { [self] in
      while !Task.isCancelled {
        try await look()
        try await Task.sleep(for: settings.horizonPause)
      }
    }
  }

  private func look() async throws {
    guard let row = try await worker.run(.none, Self.select()).first else { return }
    let isFree = state.withLock { state in
      // Of what it sees first it cannot tell how long it has been there.
      let hasMoved = state.oldest.map { $0 != row.oldest } ?? false
      state.oldest = row.oldest
      if row.oldest == row.next {
        state.since = nil
      } else if hasMoved || state.since == nil {
        state.since = .now
      }
      return hasMoved || row.oldest == row.next
    }
    if age > settings.horizonAgeMax {
      let detail =
        "a transaction has been open for more than \(settings.horizonAgeMax): all feeds wait for "
        + "it; pg_stat_activity has it (backend_xid)"
      try await worker.run(
        .none, all: [Alerts.raise(kind: Self.alert, subject: "database", detail: detail)])
      state.withLock { $0.isCleared = false }
    } else if isFree, !state.withLock({ $0.isCleared }) {
      try await worker.run(.none, all: [Alerts.clear(kind: Self.alert, subject: "database")])
      state.withLock { $0.isCleared = true }
    }
  }
}

private struct HorizonRow: PostgresRow {
  /// The oldest transaction that runs, or `next`.
  let oldest: TransactionID
  /// The first transaction that has not begun.
  let next: TransactionID

  init(from columns: inout ColumnReader) throws(PostgresError) {
    oldest = try columns.next()
    next = try columns.next()
  }
}
