import Histogram
import Synchronization

typealias Latencies = Histogram<UInt32>

extension Histogram where Count == UInt32 {
  /// Microseconds up to an hour, to three digits.
  static var fine: Latencies {
    Latencies(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)
  }

  /// Microseconds up to an hour, to two digits: small, for slices of time.
  static var coarse: Latencies {
    Latencies(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .two)
  }

  /// Records a length of time; one over an hour counts as an hour.
  mutating func record(nanoseconds: Int64) {
    record(UInt64(clamping: Swift.min(Swift.max(0, nanoseconds) / 1_000, 3_600_000_000)))
  }
}

/// What one thread of the generator saw. Written by its loop, read by whoever shows progress.
final class Recorder: Sendable {
  /// One kind of call.
  struct CallTally {
    /// Arrivals of the measured phase.
    var intended = 0
    var notSent = 0
    /// Latencies from the intended start, by the number of the code.
    var byCode = [Latencies?](repeating: nil, count: CodeNames.count)
  }

  /// A slice of the measured phase.
  struct SliceTally {
    /// Arrivals whose intended start is in the slice.
    var intended = 0
    var notSent = 0
    /// How those that were sent ended, whenever that was.
    var byCode = [Int](repeating: 0, count: CodeNames.count)
    /// Latencies of the good answers among them.
    var latencies: Latencies?
    /// Answers that came during the slice, whenever their calls began.
    var goodAnswers = 0
    var badAnswers = 0
  }

  struct State {
    var calls: [CallTally]
    var slices: [SliceTally]
    /// From the moment of sending to the good answer: what a closed loop would call latency.
    var service = Latencies.fine
    /// From the intended start to the moment of sending.
    var lag = Latencies.fine
    /// Of the whole test, warm-up included.
    var live = Live()
    /// Latencies since somebody last took them.
    var recent = Latencies.coarse
  }

  /// What the progress line shows.
  struct Live {
    var sent = 0
    var good = 0
    var bad = 0
    var notSent = 0

    var inFlight: Int { sent - good - bad }

    static func + (one: Live, other: Live) -> Live {
      Live(
        sent: one.sent + other.sent, good: one.good + other.good, bad: one.bad + other.bad,
        notSent: one.notSent + other.notSent)
    }
  }

  private let state: Mutex<State>
  private let warmup: Int64
  private let sliceLength: Int64

  init(calls: Int, slices: Int, sliceLength: Int64, warmup: Int64) {
    self.warmup = warmup
    self.sliceLength = sliceLength
    state = Mutex(
      State(
        calls: Array(repeating: CallTally(), count: calls),
        slices: Array(repeating: SliceTally(), count: slices)))
  }

  private func slice(_ time: Int64, _ state: borrowing State) -> Int? {
    guard time >= warmup else { return nil }
    let index = Int((time - warmup) / sliceLength)
    return index < state.slices.count ? index : nil
  }

  // MARK: Writing; times are nanoseconds from the start of the schedule

  func notSent(_ call: Int, intended: Int64) {
    state.withLock { state in
      state.live.notSent += 1
      guard intended >= warmup else { return }
      state.calls[call].intended += 1
      state.calls[call].notSent += 1
      if let slice = slice(intended, state) {
        state.slices[slice].intended += 1
        state.slices[slice].notSent += 1
      }
    }
  }

  func sent() {
    state.withLock { $0.live.sent += 1 }
  }

  func ended(_ call: Int, code: Int, isGood: Bool, intended: Int64, sent: Int64, done: Int64) {
    let latency = done - intended
    state.withLock { state in
      if isGood { state.live.good += 1 } else { state.live.bad += 1 }
      state.recent.record(nanoseconds: latency)
      if let slice = slice(done, state) {
        if isGood {
          state.slices[slice].goodAnswers += 1
        } else {
          state.slices[slice].badAnswers += 1
        }
      }
      guard intended >= warmup else { return }
      state.calls[call].intended += 1
      state.calls[call].byCode[code].orFine.record(nanoseconds: latency)
      state.lag.record(nanoseconds: sent - intended)
      if isGood { state.service.record(nanoseconds: done - sent) }
      guard let slice = slice(intended, state) else { return }
      state.slices[slice].intended += 1
      state.slices[slice].byCode[code] += 1
      if isGood { state.slices[slice].latencies.orCoarse.record(nanoseconds: latency) }
    }
  }

  // MARK: Reading

  var live: Live { state.withLock { $0.live } }

  func takeRecent() -> Latencies {
    state.withLock { state in
      let recent = state.recent
      state.recent.reset()
      return recent
    }
  }

  var tallies: State { state.withLock { $0 } }
}

extension Latencies? {
  fileprivate var orFine: Latencies {
    get { self ?? .fine }
    _modify {
      // Taken out while it changes, so that it is the only owner of its counts.
      var value = self ?? .fine
      self = nil
      defer { self = value }
      yield &value
    }
  }

  fileprivate var orCoarse: Latencies {
    get { self ?? .coarse }
    _modify {
      var value = self ?? .coarse
      self = nil
      defer { self = value }
      yield &value
    }
  }
}
