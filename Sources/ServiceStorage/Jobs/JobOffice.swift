public import GRPC
public import Logging
public import Postgres
public import ServiceKit

/// All timed and retried work of a service in one process: a runner for each queue that has a
/// handler, and the schedules.
public struct JobOffice: Sendable {
  private let runners: [JobRunner]
  private let scheduler: Scheduler

  /// - Parameters:
  ///   - worker: connected as the service's worker role.
  ///   - schema: the service's.
  ///   - handlers: one for each kind.
  public init(
    worker: Database, schema: String, logger: Logger, clock: ServiceClock = .system,
    handlers: [JobHandler], schedules: [Schedule] = []
  ) {
    runners = Dictionary(grouping: handlers, by: \.queue)
      .sorted { $0.key.name < $1.key.name }
      .map { JobRunner($0, worker: worker, schema: schema, logger: logger, handlers: $1) }
    scheduler = Scheduler(worker: worker, schedules: schedules, clock: clock, logger: logger)
  }

  /// The work as a part of a process. When that stops, jobs in hand are cancelled and given back.
  public var task: BackgroundTask { BackgroundTask("jobs") { await run() } }

  /// Works until it is cancelled.
  public func run() async {
    await withDiscardingTaskGroup { group in
      for runner in runners { group.addTask { await runner.run() } }
      group.addTask { await scheduler.run() }
    }
  }

  /// Enqueues what is due by the clock, if nobody has.
  public func enqueueDue() async throws { try await scheduler.enqueueDue() }

  /// Does what is due now, in every queue, until nothing is.
  /// - Returns: how many jobs were taken.
  @discardableResult
  public func drain() async -> Int {
    var taken = 0
    var latest: Int
    repeat {
      latest = 0
      for runner in runners { latest += await runner.drain() }
      taken += latest
    } while latest > 0 && !Task.isCancelled
    return taken
  }

  /// The queues' figures for the admin port; those of a database that cannot be asked are left out.
  public func samples() async -> [MetricSample] {
    var samples: [MetricSample] = []
    for runner in runners {
      let (census, tally) = await runner.figures()
      samples += JobFigures.samples(census, tally, of: runner.queue.name)
    }
    return samples
  }
}

/// What is told of a queue.
enum JobFigures {
  static func samples(
    _ census: JobCensus?, _ tally: JobHands.Tally, of queue: String
  ) -> [MetricSample] {
    func sample(_ name: String, _ help: String, _ kind: MetricSample.Kind, _ value: Double)
      -> MetricSample
    {
      MetricSample(
        name: "clientele_jobs_\(name)", help: help, kind: kind,
        labels: [(name: "queue", value: queue)], value: value)
    }
    var samples = [
      sample("running", "Jobs this process has in hand.", .gauge, Double(tally.running)),
      sample("done_total", "Jobs this process did.", .counter, Double(tally.done)),
      sample(
        "failed_total", "Attempts of this process that failed and are made again.", .counter,
        Double(tally.failed)),
      sample("buried_total", "Jobs that this process gave up.", .counter, Double(tally.dead)),
    ]
    if let census {
      samples += [
        sample("depth", "Jobs that are not done.", .gauge, Double(census.depth)),
        sample(
          "oldest_due_seconds", "For how long the longest waiting job has been due.", .gauge,
          census.oldestDue),
        sample(
          "oldest_tried_seconds",
          "How long ago the oldest job was made that was tried, put back, and is not done.", .gauge,
          census.oldestTried),
        sample("dead", "Jobs that wait for an operator.", .gauge, Double(census.dead)),
      ]
    }
    return samples
  }
}
