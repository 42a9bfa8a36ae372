/// Two results beside each other.
enum Comparison {
  static func text(_ first: RunResult, _ second: RunResult) -> String {
    var text = ""
    if first.machine.cpu != second.machine.cpu || first.machine.cores != second.machine.cores {
      text += "note: the results are from different machines\n"
    }
    if first.machine.build != second.machine.build {
      text +=
        "note: a \(first.machine.build) build of the generator against a \(second.machine.build) one\n"
    }
    var pairs = [("all", first.total, second.total)]
    for call in first.calls {
      guard let other = second.calls.first(where: { $0.name == call.name }) else {
        text += "note: \(call.name) is in the first result only\n"
        continue
      }
      if first.calls.count > 1 || second.calls.count > 1 { pairs.append((call.name, call, other)) }
    }
    for call in second.calls where !first.calls.contains(where: { $0.name == call.name }) {
      text += "note: \(call.name) is in the second result only\n"
    }
    for (name, one, other) in pairs {
      if !text.isEmpty { text += "\n" }
      text += Columns.text([[name, "first", "second", "ratio"]] + rows(one, other))
    }
    return text
  }

  private static func rows(_ one: RunResult.Figures, _ other: RunResult.Figures) -> [[String]] {
    func row(
      _ name: String, _ one: Double, _ other: Double, _ spelled: (Double) -> String
    ) -> [String] {
      [name, spelled(one), spelled(other), one > 0 ? Spelling.fixed(other / one, 3) : "–"]
    }
    func rate(_ value: Double) -> String { "\(Spelling.short(value))/s" }
    func share(_ value: Double) -> String { "\(Spelling.fixed(value * 100, 3)) %" }
    func time(_ value: Double) -> String { Spelling.time(microseconds: value) }
    let latencies: [(String, KeyPath<LatencySummary, Double>)] = [
      ("mean", \.mean), ("p50", \.p50), ("p90", \.p90), ("p99", \.p99), ("p99.9", \.p999),
      ("max", \.max),
    ]
    return [
      row("intended", one.intendedPerSecond, other.intendedPerSecond, rate),
      row("good answers", one.goodPerSecond, other.goodPerSecond, rate),
      row("without one", one.errorShare, other.errorShare, share),
    ]
      + latencies.map { name, path in
        row(name, one.latency[keyPath: path], other.latency[keyPath: path], time)
      }
  }
}
