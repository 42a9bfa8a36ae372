import Synchronization

/// How often something may happen.
public struct Rate: Sendable, Hashable {
  /// Calls a second in the long run.
  public var perSecond: Double
  /// Calls at once after a pause.
  public var burst: Int

  /// - Parameters:
  ///   - perSecond: more than 0.
  ///   - burst: at least 1.
  public init(perSecond: Double, burst: Int) {
    self.perSecond = perSecond
    self.burst = burst
  }
}

/// Limits the rate of calls by key (GCRA: one moment a key). Keys are bounded; the one not used for
/// longest is forgotten first, and by then it has its whole burst again or is about to.
final class RateLimiter: Sendable {
  private let step: Duration
  private let tolerance: Duration
  private let arrivals: Mutex<LeastRecentlyUsed<String, ContinuousClock.Instant>>
  private let now: @Sendable () -> ContinuousClock.Instant

  /// - Parameters:
  ///   - keys: keys remembered.
  ///   - now: the monotonic clock, for tests.
  init(
    _ rate: Rate, keys: Int = 20_000,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    let step = Duration.seconds(1 / max(rate.perSecond, 0.000_1))
    self.step = step
    tolerance = step * Double(max(rate.burst, 1) - 1)
    arrivals = Mutex(LeastRecentlyUsed(capacity: keys))
    self.now = now
  }

  /// Counts a call. Nil when it may go on; otherwise how long to wait before the next attempt.
  func take(_ key: String) -> Duration? {
    let now = now()
    return arrivals.withLock { arrivals in
      let expected = max(arrivals[key] ?? now, now)
      let ahead = now.duration(to: expected)
      guard ahead <= tolerance else { return ahead - tolerance }
      arrivals[key] = expected.advanced(by: step)
      return nil
    }
  }
}
