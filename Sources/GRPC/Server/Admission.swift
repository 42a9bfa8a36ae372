import CommonAPI

/// How much it matters that a call is answered when not all can be: `AccessRule.Criticality` in the
/// order of importance, so that it can be compared and counted.
enum Criticality: Int, Comparable, CaseIterable {
  case sheddable, sheddablePlus, critical, criticalPlus

  /// What the option of the rpc says; `sheddablePlus` where it says nothing.
  init(_ said: AccessRule.Criticality) {
    self =
      switch said {
      case .sheddable: .sheddable
      case .critical: .critical
      case .criticalPlus: .criticalPlus
      default: .sheddablePlus
      }
  }

  static func < (lhs: Criticality, rhs: Criticality) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// How a server decides which calls begin when not all can.
public struct AdmissionSettings: Sendable, Hashable {
  /// Handlers at work at once, at first.
  public var start = 32
  /// The fewest that the limit comes down to.
  public var least = 8
  /// Places beyond the limit, though within the server's bound, for critical calls alone: whatever
  /// the others are stuck in does not hold those up.
  public var reserve = 8
  /// Calls that wait for a place; further ones are refused.
  public var queueMax = 64
  /// With calls kept waiting for longer than `interval`, none waits longer than this.
  public var target = Duration.milliseconds(5)
  /// With the event loop busy without a rest for longer than `interval`, calls that it gets to
  /// later than this, or would begin later, are refused unread, but for the first `least` of each of
  /// its turns.
  public var loopTarget = Duration.milliseconds(20)
  /// With the event loop as busy, it looks at its sockets after having begun handlers for this long:
  /// whoever is to be refused waits for them no longer.
  public var turn = Duration.milliseconds(2)
  /// How long calls may be kept waiting before that counts as overload.
  public var interval = Duration.milliseconds(100)
  /// The limit comes down when calls take this many times what they take with the server at ease…
  public var tolerance = 10.0
  /// …and no less than this.
  public var noticeable = Duration.milliseconds(10)
  /// How long after the limit came down last it gives way again.
  public var recovery = Duration.seconds(10)
  /// What a refused caller is told to wait before it tries again.
  public var pushback = Duration.milliseconds(100)

  /// The values above.
  public init() {}
}

/// Which calls begin, wait, or are refused: events in, decisions out, on a clock of nanoseconds that
/// the caller brings.
///
/// The limit of calls at work adapts. As long as none takes much longer than it did with the server
/// at ease, the limit gives way to whoever comes; when one does, it comes down by a tenth, and grows
/// slowly from then on, by one for each limit of calls that end in time. Those that wait stand in a
/// short queue: first come, first served, the critical before the rest, which also have a few places
/// that nobody else gets. Once somebody has waited for a whole interval without the queue ever being
/// empty, the newest goes first, and who has waited for longer than the target is refused: a caller
/// who is told so at once has lost nothing.
struct Admission {
  /// A call that waits.
  struct Waiting: Equatable {
    let id: UInt64
    let rank: Criticality
    let since: Int64
  }

  enum Decision: Equatable {
    /// It begins now.
    case start
    /// It waits; the call named instead, if any, gives its place in the queue up.
    case wait(instead: UInt64?)
    case refuse
  }

  private let settings: AdmissionSettings
  private let most: Int
  private let streamsMost: Int
  private let target: Int64
  private let loopTarget: Int64
  private let interval: Int64
  private let noticeable: Int64
  private let recovery: Int64

  /// Calls that may be at work at once, now.
  private(set) var limit: Int
  private(set) var atWork = 0
  /// Calls with streams that hold a place. How long they do says nothing of how busy the server is,
  /// and so they are not among those at work.
  private(set) var streams = 0
  private(set) var queue: [Waiting] = []
  private var emptyAt: Int64 = 0
  private var grown = 0
  private var cameDownAt: Int64?

  init(_ settings: AdmissionSettings, most: Int, streamShare: Double = 1) {
    self.settings = settings
    self.most = max(1, most)
    streamsMost = max(1, Int(Double(self.most) * max(0, min(1, streamShare))))
    target = settings.target.clampedNanoseconds
    loopTarget = settings.loopTarget.clampedNanoseconds
    interval = settings.interval.clampedNanoseconds
    noticeable = settings.noticeable.clampedNanoseconds
    recovery = settings.recovery.clampedNanoseconds
    limit = min(self.most, max(1, settings.start))
  }

  /// True when calls have been waiting for a whole interval.
  func isOverloaded(_ now: Int64) -> Bool { !queue.isEmpty && now &- emptyAt > interval }

  // MARK: Calls

  /// A call could begin.
  mutating func arrive(_ id: UInt64, _ rank: Criticality, _ now: Int64) -> Decision {
    if atWork >= limit, givesWay(now) { limit = min(most, limit &* 2) }
    if atWork < places(for: rank), queue.allSatisfy({ $0.rank < rank }) {
      atWork &+= 1
      return .start
    }
    if queue.isEmpty { emptyAt = now }
    var instead: UInt64?
    if queue.count >= settings.queueMax {
      guard let least = queue.indices.min(by: { queue[$0].rank < queue[$1].rank }),
        queue[least].rank < rank
      else { return .refuse }
      instead = queue.remove(at: least).id
    }
    queue.append(Waiting(id: id, rank: rank, since: now))
    return .wait(instead: instead)
  }

  /// A call that waits is not to be answered any more.
  mutating func forget(_ id: UInt64) {
    queue.removeAll { $0.id == id }
  }

  /// A call that was at work has ended; `slowness` says how much longer it took than with the server
  /// at ease, nil when that says nothing.
  mutating func end(took: Int64, slowness: Double?, _ now: Int64) {
    atWork = max(0, atWork &- 1)
    guard let slowness else { return }
    if slowness > settings.tolerance, took >= noticeable {
      comeDown(now)
    } else if !queue.isEmpty || atWork &+ 1 >= limit {
      grow()
    }
  }

  /// A call that took a place without being asked, such as one that is always let in.
  mutating func startAnyway() { atWork &+= 1 }

  /// With how many at work a call of this rank does not begin any more.
  private func places(for rank: Criticality) -> Int {
    min(most &- streams, rank < .critical ? limit : limit &+ settings.reserve)
  }

  /// A call with streams could begin. False when they hold as many places as they may.
  mutating func takeStream() -> Bool {
    guard streams < streamsMost else { return false }
    streams &+= 1
    return true
  }

  /// A call with streams has ended.
  mutating func leaveStream() { streams = max(0, streams &- 1) }

  /// True while nothing says that more at once would be slower.
  private func givesWay(_ now: Int64) -> Bool {
    guard limit < most else { return false }
    return cameDownAt.map { now &- $0 > recovery } ?? true
  }

  private mutating func grow() {
    guard limit < most else { return }
    grown &+= 1
    guard grown >= limit else { return }
    grown = 0
    limit &+= 1
  }

  private mutating func comeDown(_ now: Int64) {
    // What is at work now began under the old limit; it says nothing of the new one.
    guard cameDownAt.map({ now &- $0 >= interval }) ?? true else { return }
    cameDownAt = now
    grown = 0
    limit = min(most, max(1, settings.least, limit &* 9 / 10))
  }

  /// True when a call of this rank would be refused now.
  func isFull(for rank: Criticality, _ now: Int64) -> Bool {
    guard queue.count >= settings.queueMax, atWork >= places(for: rank), !givesWay(now) else {
      return false
    }
    return !queue.contains { $0.rank < rank }
  }

  // MARK: Queue

  /// The next call to begin, which then is at work; nil when none waits or no place is free.
  mutating func next(_ now: Int64) -> Waiting? {
    guard !queue.isEmpty else { return nil }
    let isOverloaded = isOverloaded(now)
    var best = 0
    for index in queue.indices.dropFirst() {
      let isBetter =
        isOverloaded ? queue[index].rank >= queue[best].rank : queue[index].rank > queue[best].rank
      if isBetter { best = index }
    }
    guard atWork < places(for: queue[best].rank) else { return nil }
    let chosen = queue.remove(at: best)
    atWork &+= 1
    return chosen
  }

  /// Takes those out that have waited for too long.
  mutating func overdue(_ now: Int64) -> [UInt64] {
    guard !queue.isEmpty else { return [] }
    let patience = isOverloaded(now) ? target : interval
    var late: [UInt64] = []
    queue.removeAll { waiting in
      guard waiting.rank < .criticalPlus, now &- waiting.since > patience else { return false }
      late.append(waiting.id)
      return true
    }
    return late
  }

  /// When to look for overdue calls next.
  func lookAgain(_ now: Int64) -> Int64? {
    guard let oldest = queue.lazy.filter({ $0.rank < .criticalPlus }).map(\.since).min() else {
      return nil
    }
    let patience = isOverloaded(now) ? target : interval
    return oldest &+ patience &+ 1
  }

  // MARK: The loop itself

  /// Whether a call that has lain in the socket and would wait for its turn for this long should be
  /// refused: so when the loop has had no rest for an interval, and it is longer than the target.
  func isTooLate(_ rank: Criticality, lay: Int64, busyFor: Int64) -> Bool {
    guard busyFor > interval else { return false }
    switch rank {
    case .criticalPlus: return false
    case .critical: return lay > loopTarget &* 4
    case .sheddablePlus: return lay > loopTarget
    case .sheddable: return lay > loopTarget / 2
    }
  }
}

/// What calls of a method take with the server at ease: the least seen lately. Creeps up by a
/// hundredth a second, so that what has become slower for good is believed in the end.
struct Ease {
  private var least: Int64 = 0
  private var seenAt: Int64 = 0

  /// Notes a call. Returns how many times the least it took.
  mutating func note(_ took: Int64, _ now: Int64) -> Double {
    let took = max(1, took)
    if least > 0, now > seenAt {
      let seconds = min(60, Double(now &- seenAt) / 1e9)
      least = Int64(Double(least) * (1 + seconds / 100)) &+ 1
    }
    seenAt = now
    if least == 0 || took < least { least = took }
    return slowness(took)
  }

  /// How many times the least this is; 1 when nothing was seen.
  func slowness(_ took: Int64) -> Double {
    least > 0 ? Double(took) / Double(least) : 1
  }
}
