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
  private static let sessions = Statement<NoRow>(
    "delete from sessions where expires_at < $1")
  private static let failures = Statement<NoRow>(
    "delete from sign_in_failures where window_started_at < $1")
  private static let answers = Statement<NoRow>(
    "delete from idempotency where created_at < $1")
  static let statements: [any DescribedStatement] = [sessions, failures, answers]

  /// When to sweep: once an hour.
  static let schedule = Schedule(kind, .every(.seconds(3600)))

  /// The sweep as a job.
  var handler: JobHandler {
    JobHandler(Self.kind) { _ in
      try await sweep()
      return .done()
    }
  }

  /// Sweeps once.
  func sweep() async throws {
    let now = clock.now()
    _ = try await database.run(
      .none, Self.sessions(now.addingTimeInterval(-31 * 24 * 3600)),
      Self.failures(now.addingTimeInterval(-24 * 3600)),
      Self.answers(now.addingTimeInterval(-72 * 3600)))
  }
}
