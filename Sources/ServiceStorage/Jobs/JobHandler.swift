import Foundation
public import Postgres

/// How the jobs of one kind are done.
public struct JobHandler: Sendable {
  /// The kind's name.
  let kind: String
  /// The kind's queue.
  let queue: JobQueue
  let perform: @Sendable (ClaimedJob) async throws -> JobOutcome
  let burial: @Sendable (ClaimedJob, _ because: String) -> [AnyQuery]
  /// True while no job of the kind should be taken.
  let rests: @Sendable () -> Bool

  /// - Parameters:
  ///   - burial: what else to note, in the same transaction, of a job that is dead without having
  ///     said so itself: its attempts are used up, or its worker died too often.
  ///   - resting: true while all jobs of the kind had to wait anyway, because what they need is
  ///     away: none is taken then, and none loses an attempt or its place in the line.
  ///   - perform: does one job. Whatever it does outside the outcome's queries may happen again
  ///     after a crash, so that must be idempotent; what it throws has it tried again.
  public init<Payload>(
    _ kind: JobKind<Payload>,
    burial: @escaping @Sendable (Job<Payload>, _ because: String) -> [AnyQuery] = { _, _ in [] },
    resting: @escaping @Sendable () -> Bool = { false },
    perform: @escaping @Sendable (Job<Payload>) async throws -> JobOutcome
  ) {
    self.kind = kind.name
    queue = kind.queue
    rests = resting
    self.perform = { claimed in
      guard let job: Job<Payload> = claimed.typed() else {
        return .dead(because: "its payload cannot be read")
      }
      return try await perform(job)
    }
    self.burial = { claimed, because in
      guard let job: Job<Payload> = claimed.typed() else { return [] }
      return burial(job, because)
    }
  }
}

extension ClaimedJob {
  /// The job with its payload; nil when that cannot be read.
  fileprivate func typed<Payload: Codable & Sendable>() -> Job<Payload>? {
    guard let payload = try? JSONDecoder().decode(Payload.self, from: Data(payload)) else {
      return nil
    }
    return Job(
      id: jobID, organizationID: organizationID == Jobs.system ? nil : organizationID,
      payload: payload, attempt: attempt, abandoned: abandoned, fence: fence)
  }
}
