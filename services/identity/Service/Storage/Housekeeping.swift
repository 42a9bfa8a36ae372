import Foundation
import Postgres
import ServiceKit
import ServiceStorage

/// Removes what nobody needs any more, through the worker role and its own policies: sessions that
/// ended a month ago, failures that no longer count, first answers that nobody asks for again.
struct Housekeeping: Table, Sendable {
  let database: Database
  let clock: ServiceClock

  private static let kind = JobKind<NoPayload>("housekeeping", in: .upkeep)
  private static let sessions = AgedRows(
    last: Statement(
      """
      select max(moment) from (
        select expires_at as moment from sessions where expires_at < $1 order by expires_at limit $2
      ) oldest
      """),
    delete: Statement("delete from sessions where expires_at <= $1"))
  private static let failures = AgedRows(
    last: Statement(
      """
      select max(moment) from (
        select window_started_at as moment from sign_in_failures
        where window_started_at < $1 order by window_started_at limit $2
      ) oldest
      """),
    delete: Statement("delete from sign_in_failures where window_started_at <= $1"))
  static let statements = [sessions, failures].flatMap(\.statements)

  /// When to sweep: once an hour.
  static let schedule = Schedule(kind, .every(.seconds(3600)))

  /// The sweep as a job.
  var handler: JobHandler {
    JobHandler(Self.kind) { _ in
      try await sweep()
      return .done()
    }
  }

  /// Sweeps once, in small transactions.
  func sweep() async throws {
    let now = clock.now()
    let day: TimeInterval = 24 * 3600
    _ = try await Self.sessions.remove(before: now.addingTimeInterval(-31 * day), in: database)
    _ = try await Self.failures.remove(before: now.addingTimeInterval(-day), in: database)
    try await AnswerSweep(worker: database, clock: clock).sweep()
  }
}
