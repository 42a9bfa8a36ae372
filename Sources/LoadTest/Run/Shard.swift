import GRPC
import NIOCore
import Protobuf
import Synchronization

/// The clock of the test: nanoseconds, monotonic.
enum Clock {
  static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }
}

/// Says that no more calls are to be started.
final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)

  var isSet: Bool { flag.load(ordering: .relaxed) }

  func set() { flag.store(true, ordering: .relaxed) }
}

/// One kind of call, ready to be made.
struct PreparedCall: Sendable {
  let target: String
  let template: RequestTemplate
  let deadline: Int64
  /// By the number of the code.
  let isGood: [Bool]
}

/// One thread of the generator: starts its share of the calls when they are due, whatever became
/// of those before.
final class Shard: Sendable {
  /// Calls started in a row before answers are looked at.
  private static let burst = 32
  /// The longest sleep, so that the end of a test is seen soon.
  private static let nap: Int64 = 100_000_000

  struct Plan: Sendable {
    let calls: [PreparedCall]
    /// Running sums of the weights.
    let weights: [Double]
    let metadata: [Scenario.MetadataPair]
    let schedule: Schedule
    let inFlightMax: Int
    let saved: SavedValues
    /// Waits for each answer before it makes the next call, and counts from the moment of sending:
    /// what a closed loop does. The self-check shows with it what that hides.
    var isCoordinated = false
  }

  private let plan: Plan
  private let thread: Int
  private let loop: any EventLoop
  private let executor: LoopExecutor
  private let connections: Connections
  let recorder: Recorder
  private let inFlight = Atomic<Int>(0)
  private let failure = Mutex<(any Error)?>(nil)

  init(
    _ plan: Plan, thread: Int, loop: any EventLoop, connections: Connections, recorder: Recorder
  ) {
    self.plan = plan
    self.thread = thread
    self.loop = loop
    executor = LoopExecutor(loop)
    self.connections = connections
    self.recorder = recorder
  }

  /// Makes the calls. Returns when each has ended.
  func run(_ arrivals: Schedule.Arrivals, start: Int64, stop: StopFlag) async throws {
    await withTaskExecutorPreference(executor) {
      await withDiscardingTaskGroup { group in
        await pace(arrivals, start: start, stop: stop, in: &group)
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func pace(
    _ arrivals: Schedule.Arrivals, start: Int64, stop: StopFlag,
    in group: inout DiscardingTaskGroup
  ) async {
    var arrivals = arrivals
    let workers = Workers<Job> { job in await self.make(job, start: start) }
    defer { workers.finish() }
    var metadata = MetadataTemplate(plan.metadata)
    let seed = (plan.schedule.seed ^ 0xC11E_47E1) &+ UInt64(thread) << 32
    var filling = Filling(random: SeededRandom(seed: seed))
    var version = -1
    var sinceRest = 0
    while let arrival = arrivals.next() {
      let due = start + arrival.time
      guard await sleep(until: due, stop) else { return }
      sinceRest += 1
      if sinceRest % Self.burst == 0 { await Task.yield() }
      let index = pick(&filling.random)
      guard inFlight.load(ordering: .relaxed) < plan.inFlightMax else {
        recorder.notSent(index, intended: arrival.time)
        continue
      }
      let snapshot = plan.saved.snapshot
      if snapshot.version != version {
        version = snapshot.version
        filling.saved = snapshot.values
      }
      filling.sequence = arrival.sequence
      do {
        let options = try metadata.options(&filling, version)
        let request = try plan.calls[index].template.serialized(&filling)
        inFlight.wrappingAdd(1, ordering: .relaxed)
        recorder.sent()
        let job = Job(call: index, request: request, options: options, due: due)
        if plan.isCoordinated {
          await make(job.late(until: Clock.now), start: start)
        } else {
          workers.start(job, in: &group)
        }
      } catch {
        failure.withLock { $0 = error }
        return stop.set()
      }
    }
  }

  /// False when the test has ended meanwhile.
  private func sleep(until due: Int64, _ stop: StopFlag) async -> Bool {
    while !stop.isSet {
      let now = Clock.now
      guard now < due else { return true }
      let wake = NIODeadline.uptimeNanoseconds(UInt64(clamping: min(due, now + Self.nap)))
      try? await loop.scheduleTask(deadline: wake) {}.futureResult.get()
    }
    return false
  }

  private func pick(_ random: inout SeededRandom) -> Int {
    guard plan.weights.count > 1, let sum = plan.weights.last else { return 0 }
    let point = random.unit() * sum
    return plan.weights.firstIndex { point <= $0 } ?? 0
  }

  /// One call to be made.
  private struct Job {
    let call: Int
    let request: [UInt8]
    let options: CallOptions
    /// On the clock of the test.
    let due: Int64

    func late(until due: Int64) -> Job {
      Job(call: call, request: request, options: options, due: due)
    }
  }

  private func make(_ job: Job, start: Int64) async {
    let call = plan.calls[job.call]
    var options = job.options
    let sent = Clock.now
    options.timeout = .nanoseconds(job.due + call.deadline - sent)
    var code = StatusCode.ok
    if let channel = connections.channel(call.target) {
      do {
        _ = try await channel.unary(
          path: call.template.path, request: job.request, options: options)
      } catch {
        code = (error as? RPCError)?.code ?? .unknown
      }
    }
    let done = Clock.now
    inFlight.wrappingSubtract(1, ordering: .relaxed)
    recorder.ended(
      job.call, code: code.rawValue, isGood: call.isGood[code.rawValue],
      intended: job.due - start, sent: sent - start, done: done - start)
  }
}
