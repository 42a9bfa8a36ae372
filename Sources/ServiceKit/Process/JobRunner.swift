import GRPC
public import Logging

/// Work that waits in a table until it is done; what a storage offers to a `JobRunner`.
///
/// A claimed job is nobody else's until its lease ends. Whoever lost the lease finds that
/// `complete`, `retry` and `park` change nothing.
public protocol JobQueue: Sendable {
  /// One piece of work, as claimed.
  associatedtype Job: Sendable

  /// Takes jobs that are due, the longest waiting first.
  func claim(atMost count: Int) async throws -> [Job]
  /// Takes a job that is done out of the table.
  func complete(_ job: Job) async throws
  /// Puts a job back, to be tried again after a pause.
  func retry(_ job: Job, after pause: Duration, failure: String) async throws
  /// Sets a job aside for an operator: trying again cannot help.
  func park(_ job: Job, failure: String) async throws
  /// How often the job was claimed, this time included.
  func attempts(of job: Job) -> Int
}

/// Does the jobs of a queue, several at once, each until it is done, put back, or set aside.
public struct JobRunner<Queue: JobQueue>: Sendable {
  /// Jobs in hand at once.
  static var batch: Int { 16 }
  /// The pause before the first new attempt; doubles up to `longestPause`, ± 20 %.
  static var firstPause: Duration { .milliseconds(500) }
  /// The longest pause between attempts. There is no last attempt: nothing is lost by an outage.
  static var longestPause: Duration { .seconds(300) }

  private let name: String
  private let queue: Queue
  private let signal: WakeSignal
  private let logger: Logger
  private let perform: @Sendable (Queue.Job) async throws -> Void

  /// - Parameters:
  ///   - signal: tells that there may be a new job.
  ///   - perform: does one job. It may run again after a crash, so it must be idempotent.
  public init(
    _ name: String, queue: Queue, signal: WakeSignal, logger: Logger,
    perform: @escaping @Sendable (Queue.Job) async throws -> Void
  ) {
    self.name = name
    self.queue = queue
    self.signal = signal
    self.logger = logger
    self.perform = perform
  }

  /// The runner as a part of a process; it looks for due jobs every second at least.
  public var task: BackgroundTask {
    BackgroundTask(name) {
      try await signal.repeating(atLeastEvery: .seconds(1)) { try await drain() }
    }
  }

  /// Does what is due now, and returns.
  public func drain() async throws {
    while !Task.isCancelled {
      let jobs = try await queue.claim(atMost: Self.batch)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for job in jobs { group.addTask { try await settle(job) } }
        try await group.waitForAll()
      }
      if jobs.count < Self.batch { return }
    }
  }

  private func settle(_ job: Queue.Job) async throws {
    do {
      try await perform(job)
    } catch {
      let attempts = queue.attempts(of: job)
      let facts: Logger.Metadata = [
        "worker": "\(name)", "attempts": "\(attempts)", "error": "\(error)",
      ]
      if Self.isFinal(error) {
        logger.error("job set aside", metadata: facts)
        try await queue.park(job, failure: "\(error)")
      } else {
        logger.warning("job put back", metadata: facts)
        try await queue.retry(job, after: Self.pause(attempts), failure: "\(error)")
      }
      return
    }
    try await queue.complete(job)
  }

  /// True when the peer understood the request and will refuse it again.
  static func isFinal(_ error: any Error) -> Bool {
    guard let error = error as? RPCError else { return false }
    return [.invalidArgument, .notFound, .alreadyExists, .failedPrecondition, .outOfRange]
      .contains(error.code)
  }

  /// The pause after so many attempts.
  static func pause(_ attempts: Int) -> Duration {
    let doublings = min(max(attempts - 1, 0), 20)
    let pause = min(firstPause * (1 << doublings), longestPause)
    return pause * Double.random(in: 0.8...1.2)
  }
}
