/// The tables of the report.
enum ReportTables {
  private static func table(_ head: [String], _ rows: [(cells: [String], style: String)]) -> String
  {
    let headings = head.map { "<th>\(SVG.escape($0))</th>" }.joined()
    let body = rows.map { row in
      let cells = row.cells.map { "<td>\($0)</td>" }.joined()
      return "<tr class=\"\(row.style)\">\(cells)</tr>"
    }
    return
      "<div class=\"wide\"><table><thead><tr>\(headings)</tr></thead><tbody>\(body.joined(separator: "\n"))</tbody></table></div>"
  }

  private static func card(_ title: String, _ words: String, _ inner: String) -> String {
    "<div class=\"card\"><h2>\(title)</h2><p class=\"soft\">\(words)</p>\(inner)</div>"
  }

  private static func times(_ latency: LatencySummary) -> [String] {
    guard latency.count > 0 else { return Array(repeating: "–", count: 6) }
    return [
      latency.mean, latency.p50, latency.p90, latency.p99, latency.p999, latency.max,
    ].map { SVG.escape(Spelling.time(microseconds: $0)) }
  }

  private static let timeHeads = ["mean", "p50", "p90", "p99", "p99.9", "max"]

  static func calls(_ result: RunResult) -> String {
    let shown = result.calls.count > 1 ? result.calls + [result.total] : result.calls
    let rows = shown.map { figures in
      let method =
        figures.method.isEmpty
        ? "" : "<small>\(SVG.escape(figures.method).replacing("/", with: "/<wbr>"))</small>"
      let share = figures.errorShare
      return (
        cells: [
          SVG.escape(figures.name) + method, Spelling.grouped(figures.intended),
          "\(Spelling.rate(figures.goodPerSecond))/s",
          share == 0 ? "0" : "\(Spelling.fixed(share * 100, 3)) %",
        ] + times(figures.latency), style: figures.method.isEmpty ? "sum" : ""
      )
    }
    return card(
      "Calls", "Latencies are those of good answers.",
      table(["call", "arrivals", "good answers", "without one"] + timeHeads, rows))
  }

  /// Nothing when every call ended with OK: the table of calls says it all then.
  static func codes(_ result: RunResult) -> String {
    let total = result.total
    guard total.notSent > 0 || total.codes.contains(where: { $0.code != "OK" }) else { return "" }
    var rows: [(cells: [String], style: String)] = []
    for figures in result.calls {
      for code in figures.codes {
        rows.append(
          (
            [
              "\(code.code)<small>\(SVG.escape(figures.name))\(code.isGood ? ", a good answer" : "")</small>",
              Spelling.grouped(code.count),
            ] + times(code.latency), ""
          ))
      }
      if figures.notSent > 0 {
        rows.append(
          (
            [
              "not sent<small>\(SVG.escape(figures.name)), \(result.load.inFlightMax) calls were under way</small>",
              Spelling.grouped(figures.notSent),
            ] + times(LatencySummary()), ""
          ))
      }
    }
    return card(
      "Codes", "How calls ended, and how long that took from the moment they were to start.",
      table(["code", "calls"] + timeHeads, rows))
  }

  static func conditions(_ result: RunResult) -> String {
    let generator = result.generator
    let machine = result.machine
    let load = result.load
    func time(_ value: Double) -> String { Spelling.time(microseconds: value) }
    let share = generator.wallSeconds > 0 ? generator.cpuSeconds / generator.wallSeconds : 0
    let facts: [(String, String)] = [
      (
        "Sent late by",
        "p50 \(time(generator.lag.p50)), p99 \(time(generator.lag.p99)), max \(time(generator.lag.max)); counted in every latency"
      ),
      (
        "From sending to answer",
        "p50 \(time(generator.service.p50)), p99 \(time(generator.service.p99)); what a closed loop would call latency"
      ),
      ("Generator", "\(Spelling.short(share * 100)) % of a core, \(machine.build) build"),
      (
        "Load",
        "\(load.connections) \(load.connections == 1 ? "connection" : "connections") to each target, \(load.threads) \(load.threads == 1 ? "thread" : "threads"), at most \(load.inFlightMax) calls under way, seed \(load.seed)"
      ),
      (
        "Machine",
        "\(machine.cpu), \(machine.cores) cores, \(Spelling.short(machine.memoryGiB)) GiB"
      ),
      ("System", machine.system),
    ]
    let list = facts.map { "<dt>\($0.0)</dt><dd>\(SVG.escape($0.1))</dd>" }.joined()
    return card("Conditions", "How the test itself went.", "<dl>\(list)</dl>")
  }
}
