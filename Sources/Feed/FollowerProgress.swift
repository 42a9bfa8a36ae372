import CommonAPI
import FoundationEssentials
import GRPC
import Synchronization

/// How far behind a follower is, and what it tells of it.
final class FollowerProgress: Sendable {
  private struct State {
    /// When the event in hand was announced, by the source's clock.
    var inHand: Date?
    /// When the first event was announced that the source does not show yet, since a transaction
    /// is open there.
    var held: Date?
    /// When the source last said something.
    var heard = ContinuousClock.now
    /// When an event was last dealt with, or the position stored.
    var saved: ContinuousClock.Instant?
    var parked = 0
  }

  private let source: String
  private let silenceMax: Duration
  private let state = Mutex(State())

  init(source: String, silenceMax: Duration) {
    self.source = source
    self.silenceMax = silenceMax
  }

  /// - Parameter held: since when the source has events that it does not show yet.
  func hear(held: Date? = nil) {
    state.withLock { state in
      state.heard = .now
      state.held = held
    }
  }

  var heard: ContinuousClock.Instant { state.withLock { $0.heard } }

  /// Whether the source said something since a moment, and no event has been in hand all the while.
  func hasMoved(since moment: ContinuousClock.Instant) -> Bool {
    state.withLock { state in
      state.heard > moment && (state.inHand == nil || state.saved.map { $0 > moment } ?? false)
    }
  }

  /// Takes an event in hand, or nil once it was dealt with.
  func take(_ event: FeedEvent?) {
    state.withLock { state in
      if event == nil { state.saved = .now }
      state.inHand = event?.createTime?.date
    }
  }

  /// Whether the stored position is that old; if so it counts as stored now.
  func mustSave(every interval: Duration) -> Bool {
    state.withLock { state in
      if let saved = state.saved, saved + interval > .now { return false }
      state.saved = .now
      return true
    }
  }

  func park(_ count: Int) { state.withLock { $0.parked = count } }

  /// The age of the oldest event known that has not been applied, or for how long the source has
  /// been silent beyond what is usual, whichever is more.
  var lag: Duration {
    let (waiting, heard) = state.withLock { ([$0.inHand, $0.held], $0.heard) }
    let oldest = waiting.compactMap { $0 }.min()
    let age = oldest.map { Duration.seconds(max(0, Date().timeIntervalSince($0))) } ?? .zero
    let silence = heard.duration(to: .now)
    return silence > silenceMax ? max(age, silence) : age
  }

  func samples() -> [MetricSample] {
    let (heard, parked) = state.withLock { ($0.heard, $0.parked) }
    let labels = [(name: "source", value: source)]
    func gauge(_ name: String, _ help: String, _ value: Double) -> MetricSample {
      MetricSample(name: name, help: help, kind: .gauge, labels: labels, value: value)
    }
    return [
      gauge(
        "clientele_feed_lag_seconds", "Age of the oldest event that was not applied yet.",
        lag / .seconds(1)),
      gauge(
        "clientele_feed_position_age_seconds", "Since the source last said where it stands.",
        heard.duration(to: .now) / .seconds(1)),
      gauge(
        "clientele_feed_parked", "Events set aside until an operator decides.", Double(parked)),
    ]
  }
}
