/// When calls are to start. The schedule is fixed before the test begins and never waits for an
/// answer.
struct Schedule: Sendable {
  private struct Segment: Sendable {
    let start: Int64
    let stage: Stage
    /// Arrivals before it.
    let before: Double
  }

  private let segments: [Segment]
  /// Nanoseconds from the start that are not measured.
  let warmup: Int64
  /// Nanoseconds from the start to the last moment of the schedule.
  let length: Int64
  /// Arrivals expected in all.
  let arrivals: Double
  let pattern: ArrivalPattern
  let seed: UInt64

  init(_ load: Scenario.Load) {
    var stages = load.stages
    warmup = stages.first.map { $0.from > 0 ? load.warmup : 0 } ?? 0
    if warmup > 0, let rate = stages.first?.from {
      stages.insert(Stage(from: rate, to: rate, length: warmup), at: 0)
    }
    var segments: [Segment] = []
    var start: Int64 = 0
    var before = 0.0
    for stage in stages {
      segments.append(Segment(start: start, stage: stage, before: before))
      start += stage.length
      before += stage.arrivals
    }
    self.segments = segments
    length = start
    arrivals = before
    pattern = load.arrivals
    seed = load.seed
  }

  /// Calls a second asked for at a moment, in nanoseconds from the start.
  func rate(at time: Int64) -> Double {
    guard let segment = segments.last(where: { $0.start <= time }) else { return 0 }
    let share = Double(time - segment.start) / Double(max(1, segment.stage.length))
    guard share <= 1 else { return 0 }
    return segment.stage.from + (segment.stage.to - segment.stage.from) * share
  }

  /// The arrivals that one thread of several makes.
  func arrivals(thread: Int, of threads: Int) -> Arrivals {
    Arrivals(schedule: self, thread: thread, threads: threads)
  }

  struct Arrivals: IteratorProtocol {
    struct Arrival {
      /// Counts the calls of the whole test.
      let sequence: Int
      /// Nanoseconds from the start of the schedule.
      let time: Int64
    }

    private let schedule: Schedule
    private let thread: Int
    private let threads: Int
    private var random: SeededRandom
    private var segment = 0
    private var count = 0
    /// The place of the last arrival on the way from none to all.
    private var place = 0.0

    init(schedule: Schedule, thread: Int, threads: Int) {
      self.schedule = schedule
      self.thread = thread
      self.threads = threads
      random = SeededRandom(seed: schedule.seed &* 1_000 &+ UInt64(thread))
    }

    mutating func next() -> Arrival? {
      let sequence = thread + count * threads
      count += 1
      switch schedule.pattern {
      case .even: place = Double(sequence) + 0.5
      case .poisson: place -= random.logarithm() * Double(threads)
      }
      while segment < schedule.segments.count {
        let current = schedule.segments[segment]
        let into = place - current.before
        if into <= current.stage.arrivals, let time = current.stage.time(of: into) {
          return Arrival(sequence: sequence, time: current.start + time)
        }
        segment += 1
      }
      return nil
    }
  }
}

extension Stage {
  /// Nanoseconds after which so many arrivals were due; nil for a stage without any.
  fileprivate func time(of arrivals: Double) -> Int64? {
    guard from > 0 || to > 0 else { return nil }
    let seconds = Double(length) / 1e9
    let growth = (to - from) / seconds / 2
    // The root of growth·t² + from·t = arrivals, in the form that loses no digits.
    let root = max(0, from * from + 4 * growth * arrivals).squareRoot()
    let time = from + root > 0 ? 2 * arrivals / (from + root) : 0
    return Int64(min(time, seconds) * 1e9)
  }
}
