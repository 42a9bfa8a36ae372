public import Foundation
public import Postgres
public import ServiceKit

/// Removes first answers that nobody asks for again, so that `idempotency` does not grow for ever.
public struct AnswerSweep: Table, Sendable {
  /// How long an answer is kept.
  public static let life: TimeInterval = 72 * 3600

  private static let kind = JobKind<NoPayload>("answer-sweep", in: .upkeep)
  private static let delete = Statement<NoRow>("delete from idempotency where created_at < $1")
  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [delete] }

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

  /// Sweeps once, and answers how many answers went.
  @discardableResult
  public func sweep() async throws -> Int {
    let gone = try await worker.run(
      .none, deadline: .now + .seconds(60),
      Self.delete(clock.now().addingTimeInterval(-Self.life)))
    return gone.count
  }
}
