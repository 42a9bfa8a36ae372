import Foundation
import GRPC
import Synchronization

/// Calls, how each ended, and how long it took.
final class Stopwatch: Sendable, CustomStringConvertible {
  /// How long calls took, in order.
  struct Times: Sendable, CustomStringConvertible {
    private let sorted: [Duration]

    init(_ times: [Duration]) { sorted = times.sorted() }

    var count: Int { sorted.count }
    var median: Duration { at(0.5) }
    var longest: Duration { sorted.last ?? .zero }

    /// What that share of them did not take longer than, 0 to 1; zero when there are none.
    func at(_ share: Double) -> Duration {
      guard !sorted.isEmpty else { return .zero }
      return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var description: String {
      "median \(median.brief), 99 % \(at(0.99).brief), longest \(longest.brief)"
    }
  }

  private struct Entry {
    let time: Duration
    let outcome: String
    let end = ContinuousClock.now
  }

  private let kept = Mutex<[Entry]>([])

  func time(_ call: () async throws -> Void) async {
    let start = ContinuousClock.now
    var outcome = "OK"
    do {
      try await call()
    } catch {
      outcome = (error as? RPCError)?.code.name ?? "\(error)"
    }
    keep(start.duration(to: .now), outcome)
  }

  /// Notes a time that somebody else took.
  func note(_ read: () async throws -> Duration) async {
    do {
      keep(try await read(), "OK")
    } catch {
      keep(.zero, "\(error)")
    }
  }

  private func keep(_ time: Duration, _ outcome: String) {
    let entry = Entry(time: time, outcome: outcome)
    kept.withLock { $0.append(entry) }
  }

  /// Notes how late this process itself comes to its turns, with all the other tests.
  func observe(for length: Duration) async {
    let pause = Duration.milliseconds(20)
    let end = ContinuousClock.now + length
    while .now < end {
      let start = ContinuousClock.now
      try? await Task.sleep(for: pause)
      keep(start.duration(to: .now) - pause, "OK")
    }
  }

  var count: Int { kept.withLock { $0.count } }
  func count(_ outcome: String) -> Int { kept.withLock { $0.count { $0.outcome == outcome } } }
  /// Those that ended so between two moments.
  func count(
    _ outcome: String, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant
  ) -> Int {
    kept.withLock { kept in
      kept.count { $0.outcome == outcome && start <= $0.end && $0.end < end }
    }
  }
  var all: Times { Times(kept.withLock { $0.map(\.time) }) }
  func times(of outcome: String) -> Times {
    Times(kept.withLock { $0.filter { $0.outcome == outcome }.map(\.time) })
  }
  var longest: Duration { all.longest }
  var median: Duration { all.median }

  var description: String {
    let outcomes = kept.withLock { Dictionary(grouping: $0, by: \.outcome).mapValues(\.count) }
    let words = outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    return "\(words.joined(separator: ", ")) (\(all))"
  }
}

extension Duration {
  /// In milliseconds.
  var brief: String { "\(Int(self / .milliseconds(1))) ms" }
}

/// Does something again and again with short pauses. It counts from its own first turn: on a busy
/// machine that may come late.
func repeatedly(for length: Duration, _ body: () async -> Void) async {
  let end = ContinuousClock.now + length
  repeat {
    await body()
    try? await Task.sleep(for: .milliseconds(20))
  } while .now < end
}
