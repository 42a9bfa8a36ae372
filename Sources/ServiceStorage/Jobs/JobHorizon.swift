import Synchronization

/// How far back a worker has to look for jobs that are due.
///
/// Jobs leave dead rows behind, and as long as anybody's transaction is open that began before they
/// did, nobody may clean them up. A look that begins at the oldest passes all of them each time; one
/// that begins where the last one ended passes few.
final class JobHorizon: Sendable {
  /// How much further back than necessary: for jobs whose transaction took its time to commit.
  static let margin = Duration.seconds(10)
  /// How often to look from the beginning all the same.
  static let sweepInterval = Duration.seconds(10)

  private struct State {
    /// What was due then has been taken.
    var seen: ContinuousClock.Instant
    var swept: ContinuousClock.Instant
  }

  private let state = Mutex<State?>(nil)

  /// How long before now a job may have become due to be found; nil for a look from the beginning.
  func reach(at now: ContinuousClock.Instant) -> Duration? {
    state.withLock { state in
      guard let seen = state?.seen, let swept = state?.swept,
        swept.duration(to: now) < Self.sweepInterval
      else { return nil }
      return seen.duration(to: now) + Self.margin
    }
  }

  /// Notes a look that has ended.
  /// - Parameters:
  ///   - start: when it began.
  ///   - reach: how far back it went.
  ///   - latest: for how long the last of the jobs it took had been due, when there may be more.
  func saw(from start: ContinuousClock.Instant, reach: Duration?, latest: Duration?) {
    let seen = start - (latest ?? .zero)
    state.withLock { state in
      state = State(
        seen: max(seen, state?.seen ?? seen),
        swept: reach == nil ? start : state?.swept ?? start)
    }
  }
}
