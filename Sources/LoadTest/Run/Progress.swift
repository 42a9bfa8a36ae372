import Foundation
import Histogram
import Synchronization

/// Shows how a test goes: one line that changes on a terminal, a line every five seconds elsewhere.
final class Progress: Sendable {
  private let isTerminal: Bool
  private let recent = Mutex(Latencies.coarse)

  init(isTerminal: Bool = isatty(STDERR_FILENO) != 0) {
    self.isTerminal = isTerminal
  }

  /// Shows it until cancelled.
  func run(_ recorders: [Recorder], _ schedule: Schedule, start: Int64) async {
    let pause = isTerminal ? Duration.milliseconds(250) : .seconds(5)
    while (try? await Task.sleep(for: pause)) != nil {
      show(recorders, schedule, start)
    }
  }

  /// Shows it for the last time.
  func finish(_ recorders: [Recorder], _ schedule: Schedule, start: Int64) {
    show(recorders, schedule, start)
    if isTerminal { write("\n") }
  }

  private func show(_ recorders: [Recorder], _ schedule: Schedule, _ start: Int64) {
    let live = recorders.reduce(Recorder.Live()) { $0 + $1.live }
    var latencies = Latencies.coarse
    for recorder in recorders { latencies.add(recorder.takeRecent()) }
    // Between answers the last figures stay.
    let shown = recent.withLock { recent in
      if latencies.totalCount > 0 { recent = latencies }
      return recent
    }
    let elapsed = max(0, Clock.now - start)
    let line = Self.line(live, shown, elapsed: elapsed, schedule)
    write(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n")
  }

  static func line(
    _ live: Recorder.Live, _ recent: Latencies, elapsed: Int64, _ schedule: Schedule
  ) -> String {
    func time(_ nanoseconds: Int64) -> String {
      let seconds = nanoseconds / 1_000_000_000
      let rest = seconds % 60
      return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest)"
    }
    func latency(_ percentile: Double) -> String {
      recent.totalCount == 0
        ? "–" : Spelling.time(microseconds: Double(recent.valueAtPercentile(percentile)))
    }
    let phase = elapsed < schedule.warmup ? " warm-up" : ""
    let left = max(0, schedule.length - elapsed)
    var parts = [
      "\(time(elapsed))\(phase)", "sent \(live.sent)", "ok \(live.good)", "errors \(live.bad)",
    ]
    if live.notSent > 0 { parts.append("not sent \(live.notSent)") }
    parts += [
      "p50 \(latency(50))", "p99 \(latency(99))", "in flight \(live.inFlight)",
      left > 0 ? "\(time(left)) to go" : "done",
    ]
    return parts.joined(separator: "  ")
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
