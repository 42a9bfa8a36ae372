import Foundation
import GRPC
import Logging
import Postgres
import ServiceKit
import Synchronization

/// Does the jobs of one queue, several at once, each until it is done, put back, or dead.
struct JobRunner: Sendable {
  /// How often to look without being woken.
  static let pollInterval = Duration.seconds(1)
  /// After how long an operator is told of a job that was tried and is not done.
  static let patience = Duration.seconds(3600)
  /// How often that is looked at.
  static let patrol = Duration.seconds(60)
  /// How long a worker that was waiting for the database may take to find it, and to be heard there.
  static let reunion = Duration.seconds(3)
  /// The pause after a look that found nothing, however often it is woken.
  static let breath = Duration.milliseconds(20)

  let queue: JobQueue
  private let table: JobTable
  private let handlers: [String: JobHandler]
  private let channel: String
  private let logger: Logger
  let hands = JobHands()
  private let horizon = JobHorizon()
  private let orphansHorizon = JobHorizon()

  /// - Parameters:
  ///   - worker: connected as the service's worker role.
  ///   - schema: the service's; commits that enqueue are announced on `<schema>_events`.
  ///   - handlers: one for each kind of the queue; jobs of other kinds are left to others.
  init(
    _ queue: JobQueue, worker: Database, schema: String, logger: Logger, handlers: [JobHandler]
  ) {
    self.queue = queue
    table = JobTable(worker: worker, queue: queue)
    self.handlers = Dictionary(
      handlers.map { ($0.kind, $0) }, uniquingKeysWith: { first, _ in first })
    channel = "\(schema)_events"
    var logger = logger
    logger[metadataKey: "queue"] = "\(queue.name)"
    self.logger = logger
  }

  /// Works until it is cancelled. Then jobs in hand are cancelled, and given back.
  func run() async {
    let (looks, bell) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    await withDiscardingTaskGroup { group in
      group.addTask {
        while !Task.isCancelled {
          bell.yield()
          try? await Task.sleep(for: Self.pollInterval)
        }
      }
      group.addTask {
        for await _ in table.worker.notifications(channel: channel) { bell.yield() }
      }
      group.addTask { await beat() }
      group.addTask { await patrol() }
      group.addTask { await adoptOrphans() }
      for await _ in looks {
        let free = queue.concurrency - hands.count
        guard free > 0 else { continue }
        let claimed = await claim(atMost: free)
        for job in claimed {
          hands.take(job) { bell.yield() }
          group.addTask { await see(job) }
        }
        if claimed.isEmpty { try? await Task.sleep(for: Self.breath) }
      }
      group.cancelAll()
    }
  }

  /// Does the jobs whose workers said no more, one at a time: nobody knows which of those that a
  /// process had in hand it died of, and that one must not take the others with it again.
  private func adoptOrphans() async {
    let (turns, turn) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    await withDiscardingTaskGroup { group in
      turn.yield()
      for await _ in turns {
        guard let found = await adopt() else {
          await letWorkersSpeak()
          turn.yield()
          continue
        }
        if let orphan = found.first {
          hands.take(orphan) { turn.yield() }
          group.addTask { await see(orphan) }
        } else {
          try? await Task.sleep(for: Self.pollInterval)
          turn.yield()
        }
      }
      group.cancelAll()
    }
  }

  /// Waits for a database that was away, and then for a heartbeat: leases ran out meanwhile, and
  /// workers that live say first what they have in hand, or what they did.
  private func letWorkersSpeak() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.pollInterval)
      if await table.isThere() { break }
    }
    try? await Task.sleep(for: queue.heartbeat + Self.reunion)
  }

  /// Does what is due now, and returns how many jobs that was.
  func drain() async -> Int {
    var taken = 0
    while !Task.isCancelled {
      var jobs = await claim(atMost: queue.concurrency)
      if jobs.isEmpty { jobs = await adopt() ?? [] }
      if jobs.isEmpty { break }
      taken += jobs.count
      await withDiscardingTaskGroup { group in
        for job in jobs {
          hands.take(job)
          group.addTask { await see(job) }
        }
      }
    }
    return taken
  }

  /// How the queue stands, and what this process did of it.
  func figures() async -> (census: JobCensus?, tally: JobHands.Tally) {
    (try? await table.census(), hands.tally)
  }

  private func claim(atMost count: Int) async -> [ClaimedJob] {
    await look(within: horizon, atMost: count) { kinds, reach throws(PostgresError) in
      try await table.claim(kinds, atMost: count, reach: reach)
    } ?? []
  }

  private func adopt() async -> [ClaimedJob]? {
    await look(within: orphansHorizon, atMost: 1) { kinds, reach throws(PostgresError) in
      try await table.adopt(kinds, reach: reach).map { [$0] } ?? []
    }
  }

  /// - Returns: nil when the database did not answer.
  private func look(
    within horizon: JobHorizon, atMost count: Int,
    _ take: ([String], Duration?) async throws(PostgresError) -> [ClaimedJob]
  ) async -> [ClaimedJob]? {
    let kinds = handlers.values.filter { !$0.rests() }.map(\.kind).sorted()
    guard !kinds.isEmpty else { return [] }
    let start = ContinuousClock.now
    let reach = horizon.reach(at: start)
    do {
      let jobs = try await take(kinds, reach)
      let latest = jobs.map(\.overdue).min().map { Duration.seconds($0) }
      horizon.saw(from: start, reach: reach, latest: jobs.count < count ? nil : latest)
      return jobs
    } catch {
      if error != .cancelled { logger.warning("no jobs claimed", metadata: ["error": "\(error)"]) }
      return nil
    }
  }

  /// Says, every so often, that the jobs in hand are still in hand.
  private func beat() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: queue.heartbeat)
      let jobs = hands.all
      guard !jobs.isEmpty else { continue }
      do {
        try await table.extend(jobs)
      } catch {
        logger.warning("leases not extended", metadata: ["error": "\(error)"])
      }
    }
  }

  /// Tells, every so often, of jobs that have been tried for long.
  private func patrol() async {
    while !Task.isCancelled {
      do {
        try await table.tellOfStuck(handlers.keys.sorted(), after: Self.patience)
      } catch {
        if error != .cancelled { logger.warning("no patrol", metadata: ["error": "\(error)"]) }
      }
      try? await Task.sleep(for: Self.patrol)
    }
  }

  /// Sees a job through. Whatever becomes of it, its place is free again when its time is up: a job
  /// that does not listen to its cancellation is left behind.
  private func see(_ job: ClaimedJob) async {
    guard let handler = handlers[job.kind] else { return hands.drop(job) }
    if let because = JobVerdict.refusal(
      attempt: job.attempt, attemptsMax: job.attemptsMax, abandoned: job.abandoned)
    {
      await settle(job, .bury(because: because), handler.burial(job, because))
      return hands.drop(job)
    }
    await withTaskGroup(of: JobOutcome?.self) { group in
      group.addTask { await outcome(of: job, handler) }
      group.addTask {
        try? await Task.sleep(for: queue.timeLimit)
        return nil
      }
      var word = await group.next() ?? nil
      // A process that stops wakes the clock as well: the job has the last word.
      if word == nil, Task.isCancelled { word = await group.next() ?? nil }
      group.cancelAll()
      await note(word ?? overrun, of: job, handler)
      hands.drop(job)
    }
  }

  private var overrun: JobOutcome { .again(because: "it took longer than \(queue.timeLimit)") }

  private func outcome(of job: ClaimedJob, _ handler: JobHandler) async -> JobOutcome {
    do {
      return try await handler.perform(job)
    } catch {
      if Task.isCancelled {
        return .again(after: .zero, because: "its worker was told to stop", counts: false)
      }
      // A database that is away, or slow for everybody, says nothing about the job.
      let isReachable =
        if error as? PostgresError == .deadlineExceeded {
          await table.answers(about: job)
        } else {
          false
        }
      let ending = JobVerdict.ending(of: error, isReachable: isReachable)
      guard case .dead(let because) = ending else { return JobOutcome(ending: ending, effect: []) }
      return .dead(because: because, handler.burial(job, because))
    }
  }

  private func note(_ outcome: JobOutcome, of job: ClaimedJob, _ handler: JobHandler) async {
    let verdict = JobVerdict(
      outcome.ending, attempt: job.attempt, attemptsMax: job.attemptsMax, queue: queue)
    var effect = outcome.effect
    if case .bury(let because) = verdict, case .again = outcome.ending {
      effect += handler.burial(job, because)
    }
    await settle(job, verdict, effect)
  }

  /// Notes what became of a job, in a task of its own, which is not cancelled: what was done is on
  /// record before the process stops.
  private func settle(_ job: ClaimedJob, _ verdict: JobVerdict, _ effect: [AnyQuery]) async {
    let stop = Stop()
    await withTaskCancellationHandler {
      await Task { await persist(job, verdict, effect, stop) }.value
    } onCancel: {
      stop.isWanted.withLock { $0 = true }
    }
  }

  /// Whether the process stops.
  private final class Stop: Sendable {
    let isWanted = Mutex(false)
  }

  /// A database that is away is waited for, until the process stops: nobody takes the job meanwhile,
  /// and the claim's number tells whether somebody had. One that answers for a whole lease and takes
  /// the word all the same never will.
  private func persist(
    _ job: ClaimedJob, _ verdict: JobVerdict, _ effect: [AnyQuery], _ stop: Stop
  ) async {
    let end = ContinuousClock.now + queue.lease
    var limit = end
    var word = (verdict: verdict, effect: effect)
    while true {
      do throws(PostgresError) {
        try await table.settle(job, word.verdict, word.effect)
        CrashPoint.reach("jobs.settle.after-commit")
        return tell(job, word.verdict)
      } catch {
        let reading = await reading(error, job, hasEffect: !word.effect.isEmpty)
        let isStopping = stop.isWanted.withLock { $0 }
        if reading == .again, !isStopping, !(await table.answers(about: job)) {
          limit = .now + queue.lease
        }
        let isOver = ContinuousClock.now >= (isStopping ? end : limit)
        switch reading {
        case .again where !isOver:
          try? await Task.sleep(for: .milliseconds(Int.random(in: 200...600)))
        case .again where isStopping || word.effect.isEmpty:
          return lose(job, error)
        case .again, .effectRefused:
          let ending = JobOutcome.Ending.again(after: nil, because: "\(error)", counts: true)
          word.verdict = JobVerdict(
            ending, attempt: job.attempt, attemptsMax: job.attemptsMax, queue: queue)
          word.effect = []
          limit = .now + queue.lease
        case .lost:
          try? await table.acquit(job)
          return lose(job, error)
        }
      }
    }
  }

  /// What it means that word of a job was not taken.
  private enum Reading {
    /// The database is away, or in trouble.
    case again
    /// What was to happen with it is what the database refuses.
    case effectRefused
    /// It was taken already, or the job is another worker's.
    case lost
  }

  private func reading(
    _ error: PostgresError, _ job: ClaimedJob, hasEffect: Bool
  ) async -> Reading {
    guard case .refused(let sqlState, _, _, _) = error, !error.isTransient else { return .again }
    if sqlState == JobTable.divisionByZero {
      do {
        guard try await table.isHeld(job) else { return .lost }
      } catch {
        return .again
      }
    }
    return hasEffect ? .effectRefused : .again
  }

  private func tell(_ job: ClaimedJob, _ verdict: JobVerdict) {
    hands.count(verdict)
    let facts: Logger.Metadata = [
      "kind": "\(job.kind)", "job_id": "\(job.jobID.text)", "attempt": "\(job.attempt)",
    ]
    switch verdict {
    case .complete:
      logger.debug("job done", metadata: facts)
    case .postpone(_, let because, _):
      logger.warning("job put back", metadata: facts.merging(["cause": "\(because)"]) { $1 })
    case .bury(let because):
      logger.error("job dead", metadata: facts.merging(["cause": "\(because)"]) { $1 })
    }
  }

  private func lose(_ job: ClaimedJob, _ error: PostgresError) {
    logger.warning(
      "word of a job came too late",
      metadata: ["kind": "\(job.kind)", "job_id": "\(job.jobID.text)", "error": "\(error)"])
  }
}
