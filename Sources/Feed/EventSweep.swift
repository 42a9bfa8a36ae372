public import Postgres
import ServiceKit

/// Removes old events, the first ones first, and keeps the position of the last that went.
public struct EventSweep: Table, Sendable {
  static let pause = Duration.seconds(3600)
  /// Most events in one transaction.
  static let batch = 500

  /// An event goes only with all before it, so that the low-water mark is exact; both are one
  /// statement, so that nobody sees one without the other.
  private static let delete = Statement<Int>(
    """
    with oldest as materialized (
      select transaction_id, event_id, bool_and(
        created_at < now() - make_interval(days => $1::int)
      ) over (order by transaction_id, event_id) as is_old
      from (
        select transaction_id, event_id, created_at from events
        where transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        order by transaction_id, event_id limit $2
      ) first
    ), gone as (
      delete from events e using oldest o
      where o.is_old and e.transaction_id = o.transaction_id and e.event_id = o.event_id
      returning e.transaction_id, e.event_id
    ), marked as (
      update feed_low_water w
      set transaction_id = g.transaction_id, event_id = g.event_id, swept_at = now()
      from (
        select transaction_id, event_id from gone
        order by transaction_id desc, event_id desc limit 1
      ) g
      where (w.transaction_id, w.event_id) < (g.transaction_id, g.event_id)
    )
    select count(*) from gone
    """, writes: true)

  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [delete] }

  private let worker: Database
  private let days: Int

  /// - Parameters:
  ///   - worker: connected as the service's worker role, whose policy lets it delete what is older
  ///     than a week, and nothing else.
  ///   - days: how long events are kept, 7 at least.
  public init(worker: Database, days: Int) {
    self.worker = worker
    self.days = max(7, days)
  }

  /// The sweep as a part of a process, once an hour.
  var task: BackgroundTask {
    BackgroundTask("event-sweep") {
      while !Task.isCancelled {
        try await sweep()
        try await Task.sleep(for: Self.pause)
      }
    }
  }

  /// Sweeps once, in small transactions, and answers how many events went.
  @discardableResult
  public func sweep() async throws -> Int {
    var sum = 0
    while true {
      try Task.checkCancellation()
      let gone = try await worker.run(.none, Self.delete(days, Self.batch)).first ?? 0
      sum += gone
      if gone < Self.batch { return sum }
    }
  }
}
