import Foundation
import GRPC
import NIOCore
import NIOPosix
import UnixSignals

/// A test from its first connection to its result.
struct LoadRun: Sendable {
  let scenario: Scenario
  let schedule: Schedule
  /// Told a few times a second how it goes.
  var progress: Progress?
  /// Whether Ctrl-C ends the test early instead of the process.
  var heedsSignals = false
  /// See `Shard.Plan.isCoordinated`.
  var isCoordinated = false

  init(_ scenario: Scenario) {
    self.scenario = scenario
    schedule = Schedule(scenario.load)
  }

  func run() async throws -> RunResult {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: scenario.load.threads)
    let outcome: Result<RunResult, any Error>
    do {
      outcome = .success(try await run(on: group))
    } catch {
      outcome = .failure(error)
    }
    // Only now that no channel is left that could want its loop.
    try? await group.shutdownGracefully()
    return try outcome.get()
  }

  private func run(on group: MultiThreadedEventLoopGroup) async throws -> RunResult {
    let threads = scenario.load.threads
    let perThread = max(1, (scenario.load.connections + threads - 1) / threads)
    let connections = try group.makeIterator().map { loop in
      try Connections(scenario, perTarget: perThread, loop: loop)
    }
    do {
      let result = try await run(group, connections)
      for connections in connections { await connections.close() }
      return result
    } catch {
      for connections in connections { await connections.close() }
      throw error
    }
  }

  private func run(
    _ group: MultiThreadedEventLoopGroup, _ connections: [Connections]
  ) async throws -> RunResult {
    for connections in connections { try await connections.open(scenario.targets) }
    let setup = Setup(scenario, connections[0])
    try await setup.run()
    let plan = try await plan(setup)
    let slices = Int((schedule.length - schedule.warmup) / sliceLength) + 1
    let shards = zip(group.makeIterator().map { $0 }, connections).enumerated().map { index, pair in
      Shard(
        plan, thread: index, loop: pair.0, connections: pair.1,
        recorder: Recorder(
          calls: scenario.calls.count, slices: slices, sliceLength: sliceLength,
          warmup: schedule.warmup))
    }
    let stop = StopFlag()
    let startedAt = Date()
    let cpu = ProcessTime.seconds
    // A little ahead, so that every thread is there when the first call is due.
    let start = Clock.now + 50_000_000
    try await withThrowingTaskGroup(of: Void.self) { group in
      for step in scenario.setup where step.renewEvery != nil {
        group.addTask { await setup.renew(step) }
      }
      if let progress {
        group.addTask { await progress.run(shards.map(\.recorder), schedule, start: start) }
      }
      if heedsSignals { group.addTask { await Self.heedSignals(stop) } }
      try await offer(shards, start, stop)
      group.cancelAll()
    }
    let now = Clock.now
    let stopped = stop.isSet
    var warnings: [String] = []
    if let failure = setup.renewalFailure {
      warnings.append("What a set-up call had saved could not be renewed: \(failure)")
    }
    progress?.finish(shards.map(\.recorder), schedule, start: start)
    return ResultMaker(
      scenario, schedule, sliceLength: sliceLength,
      ran: stopped ? min(now - start, schedule.length) : schedule.length,
      shards.map(\.recorder.tallies)
    ).result(
      startedAt: startedAt, endedEarly: stopped, cpuSeconds: ProcessTime.seconds - cpu,
      wallSeconds: Double(now - start) / 1e9, warnings: warnings)
  }

  private func offer(_ shards: [Shard], _ start: Int64, _ stop: StopFlag) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, shard) in shards.enumerated() {
        let arrivals = schedule.arrivals(thread: index, of: shards.count)
        group.addTask { try await shard.run(arrivals, start: start, stop: stop) }
      }
      try await group.waitForAll()
    }
  }

  private func plan(_ setup: Setup) async throws -> Shard.Plan {
    let saved = setup.saved.snapshot.values
    for pair in scenario.metadata {
      for name in pair.value.savedNames {
        do throws(ScenarioError) {
          try RequestTemplate.checkSaved(name, saved)
        } catch { throw ScenarioError(error.reason, at: pair.place) }
      }
    }
    var calls: [PreparedCall] = []
    var weights: [Double] = []
    for call in scenario.calls {
      calls.append(
        PreparedCall(
          target: call.request.target, template: try await setup.template(call.request),
          deadline: call.deadline, isGood: call.isGood))
      weights.append((weights.last ?? 0) + call.weight)
    }
    return Shard.Plan(
      calls: calls, weights: weights, metadata: scenario.metadata, schedule: schedule,
      inFlightMax: max(1, scenario.load.inFlightMax / max(1, scenario.load.threads)),
      saved: setup.saved, isCoordinated: isCoordinated)
  }

  /// Slices long enough that a report has at most a few hundred, and that most hold some calls.
  var sliceLength: Int64 {
    let measured = max(1, schedule.length - schedule.warmup)
    let calls = max(1, scenario.load.stages.reduce(0) { $0 + $1.arrivals })
    let least = max(Double(measured) / 160, Double(measured) / calls * 30)
    let steps: [Int64] = [250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000]
    return (steps.first { Double($0) * 1e6 >= least } ?? 900_000) * 1_000_000
  }

  /// The first signal ends the schedule, the second the process.
  private static func heedSignals(_ stop: StopFlag) async {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    for await _ in signals {
      if stop.isSet { exit(130) }
      let told = Data("\nending early; once more to quit at once\n".utf8)
      try? FileHandle.standardError.write(contentsOf: told)
      stop.set()
    }
  }
}

/// Processor time of this process.
enum ProcessTime {
  static var seconds: Double {
    var usage = rusage()
    guard getrusage(Int32(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
