import Synchronization

/// Keeps messages from a place that does not answer: after five failures within ten seconds, and no
/// success between them, it is left alone for half a minute; then one message tries.
struct Circuit: Sendable, Hashable {
  private enum State: Sendable, Hashable {
    case closed
    case open(until: ContinuousClock.Instant)
    case probing(since: ContinuousClock.Instant)
  }

  static let failuresMax = 5
  static let window = Duration.seconds(10)
  static let pause = Duration.seconds(30)

  private var state = State.closed
  private var failures: [ContinuousClock.Instant] = []

  /// Whether a message may try now: nil when it may, else how long to wait. Whoever may has to `note`
  /// what came of it; a probe that never does is forgotten after a pause.
  mutating func admit(_ now: ContinuousClock.Instant) -> Duration? {
    switch state {
    case .closed:
      return nil
    case .open(let end) where now < end:
      return now.duration(to: end)
    case .probing(let start) where now < start + Self.pause:
      return now.duration(to: start + Self.pause)
    case .open, .probing:
      state = .probing(since: now)
      return nil
    }
  }

  /// Whether nobody may try at the moment.
  func isOpen(_ now: ContinuousClock.Instant) -> Bool {
    switch state {
    case .closed: false
    case .open(let end): now < end
    case .probing(let start): now < start + Self.pause
    }
  }

  /// What came of a try.
  mutating func note(answered: Bool, _ now: ContinuousClock.Instant) {
    if answered {
      self = Circuit()
      return
    }
    failures = failures.filter { now < $0 + Self.window } + [now]
    if state != .closed || failures.count >= Self.failuresMax {
      state = .open(until: now + Self.pause)
      failures = []
    }
  }
}

/// The circuits of the places that messages go to, one each.
final class Circuits: Sendable {
  private let circuits = Mutex<[String: Circuit]>([:])
  private let now: @Sendable () -> ContinuousClock.Instant

  init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }

  func admit(_ destination: String) -> Duration? {
    circuits.withLock { $0[destination, default: Circuit()].admit(now()) }
  }

  func isOpen(_ destination: String) -> Bool {
    circuits.withLock { $0[destination]?.isOpen(now()) ?? false }
  }

  func note(_ destination: String, answered: Bool) {
    circuits.withLock { $0[destination, default: Circuit()].note(answered: answered, now()) }
  }
}
