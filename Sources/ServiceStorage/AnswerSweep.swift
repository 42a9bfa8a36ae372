public import Foundation
public import Postgres
public import ServiceKit

/// Removes first answers that nobody asks for again, so that `idempotency` does not grow for ever.
public struct AnswerSweep: Table, Sendable {
  /// How long an answer is kept.
  public static let life: TimeInterval = 72 * 3600

  private static let kind = JobKind<NoPayload>("answer-sweep", in: .upkeep)
  private static let answers = AgedRows(
    last: Statement(
      """
      select max(moment) from (
        select created_at as moment from idempotency where created_at < $1 order by created_at limit $2
      ) oldest
      """),
    delete: Statement("delete from idempotency where created_at <= $1"))
  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { answers.statements }

  private let worker: Database
  private let clock: ServiceClock

  /// - Parameter worker: connected as the service's worker role, whose policy lets it see and
  ///   delete what is older than `life`, and nothing else.
  public init(worker: Database, clock: ServiceClock = .system) {
    self.worker = worker
    self.clock = clock
  }

  /// When to sweep: once an hour.
  public static let schedule = Schedule(kind, .every(.seconds(3600)))

  /// The sweep as a job.
  public var handler: JobHandler {
    JobHandler(Self.kind) { _ in
      try await sweep()
      return .done()
    }
  }

  /// Sweeps once, in small transactions, and answers how many answers went.
  @discardableResult
  public func sweep() async throws -> Int {
    try await Self.answers.remove(before: clock.now().addingTimeInterval(-Self.life), in: worker)
  }
}
