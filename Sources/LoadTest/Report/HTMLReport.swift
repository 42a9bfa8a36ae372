import Foundation

/// A result as one page that needs nothing else: no network, no script.
struct HTMLReport {
  private static let styles = ["s1", "s2", "s3", "s4", "s5", "s6"]
  private let result: RunResult

  init(_ result: RunResult) {
    self.result = result
  }

  func write(to path: String) throws {
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(html.utf8).write(to: url)
  }

  var html: String {
    let name = SVG.escape(result.scenario.name)
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(name): load test</title>
      <style>
      \(Style.css)
      </style>
      </head>
      <body>
      <main>
      <h1>\(name)</h1>
      <p class="about">\(SVG.escape(result.scenario.about))</p>
      <p class="facts">\(SVG.escape(facts))</p>
      \(verdicts)
      \(notes)
      \(tiles)
      <div class="plots">
      \(percentiles)
      \(latencyOverTime)
      \(throughput)
      \(errors)
      </div>
      \(ReportTables.calls(result))
      \(ReportTables.codes(result))
      \(ReportTables.conditions(result))
      <div class="card"><details><summary>Scenario</summary><pre>\(SVG.escape(result.scenario.source))</pre></details></div>
      </main>
      </body>
      </html>

      """
  }

  // MARK: Head

  private var facts: String {
    let load = result.load
    var parts = [
      result.startedAt.replacing("T", with: " ").replacing("Z", with: " UTC"),
      "\(Spelling.short(load.measuredSeconds)) s measured after \(Spelling.short(load.warmupSeconds)) s of warm-up",
      "arrivals \(load.arrivals)",
    ]
    if result.endedEarly {
      parts.append("ended early, \(Spelling.short(load.plannedSeconds)) s were planned")
    }
    if let commit = result.machine.commit { parts.append("commit \(commit)") }
    return parts.joined(separator: " · ")
  }

  private var verdicts: String {
    guard !result.expectations.isEmpty else { return "" }
    let items = result.expectations.map { verdict in
      "<li class=\"\(verdict.isMet ? "met" : "unmet")\">\(verdict.isMet ? "✓" : "✗") \(SVG.escape(verdict.expectation)) <span>\(SVG.escape(verdict.found))</span></li>"
    }
    return "<ul class=\"verdicts\">\(items.joined())</ul>"
  }

  private var notes: String {
    guard !result.warnings.isEmpty else { return "" }
    let lines = result.warnings.map { "<p>\(SVG.escape($0))</p>" }
    return "<div class=\"notes\">\(lines.joined())</div>"
  }

  private var tiles: String {
    let total = result.total
    let latency = total.latency
    func time(_ value: Double) -> String {
      latency.count > 0 ? Spelling.time(microseconds: value) : "–"
    }
    let share = total.errorShare
    let tiles: [(String, String, Bool)] = [
      ("\(Spelling.rate(total.intendedPerSecond))/s", "intended", false),
      ("\(Spelling.rate(total.goodPerSecond))/s", "good answers", false),
      (
        share == 0 ? "none" : "\(Spelling.short(share * 100)) %", "no good answer",
        share > 0
      ),
      (time(latency.p50), "p50", false), (time(latency.p99), "p99", false),
      (time(latency.p999), "p99.9", false), (time(latency.max), "max", false),
    ]
    let cells = tiles.map { tile in
      "<div class=\"tile\(tile.2 ? " alarm" : "")\"><b>\(SVG.escape(tile.0))</b><span>\(tile.1)</span></div>"
    }
    return "<div class=\"tiles\">\(cells.joined())</div>"
  }

  // MARK: Plots

  private func figure(
    _ title: String, _ words: String, _ legend: [(String, String, String)], _ svg: String
  ) -> String {
    let keys = legend.map { key in
      "<span class=\"\(key.1)\"><i class=\"\(key.2)\"></i><span>\(SVG.escape(key.0))</span></span>"
    }
    return """
      <figure>
      <figcaption><h2>\(title)</h2><p>\(words)</p><div class="legend">\(keys.joined())</div></figcaption>
      \(svg)
      </figure>
      """
  }

  private var percentiles: String {
    var rows: [(name: String, latency: LatencySummary, style: String)] = []
    if result.calls.count > 1 {
      // As many as there are colours to tell apart: the slowest, and beside it the busiest.
      var shown = result.calls.sorted { $0.latency.p99 > $1.latency.p99 }
      if shown.count > Self.styles.count {
        let busiest = shown.dropFirst().sorted { $0.good > $1.good }
        shown = Array(shown.prefix(1) + busiest.prefix(Self.styles.count - 1))
      }
      rows = zip(shown, Self.styles).map { ($0.name, $0.latency, $1) }
      rows.append(("all", result.total.latency, "all"))
    } else {
      rows = [(result.calls.first?.name ?? "all", result.total.latency, "s1")]
    }
    rows = rows.filter { $0.latency.count > 0 }
    let words = "Of good answers, from the moment the call was to start."
    guard !rows.isEmpty else {
      return figure("Latency by percentile", words, [], "<p class=\"none\">No good answer.</p>")
    }
    return figure(
      "Latency by percentile", words, rows.map { ($0.name, $0.style, "") },
      PercentilePlot.svg(rows))
  }

  private var latencyOverTime: String {
    figure(
      "Latency over time",
      "Of the calls that were to start in each \(sliceName).",
      [("p50", "p50", ""), ("p99", "p99", ""), ("max", "max", "")],
      TimePlots(result).latency())
  }

  private var sliceName: String {
    let seconds = result.timeline.sliceSeconds
    return seconds == 1
      ? "second"
      : seconds < 1 ? "\(Spelling.short(seconds * 1_000)) ms" : "\(Spelling.short(seconds)) s"
  }

  private var throughput: String {
    var legend = [("good answers", "good", ""), ("intended", "asked", "dashed")]
    if result.timeline.slices.contains(where: { $0.badAnswers > 0 }) {
      legend.insert(("other answers", "bad", ""), at: 1)
    }
    return figure(
      "Throughput over time", "Answers that came, beside the calls that were to start.", legend,
      TimePlots(result).throughput())
  }

  private var errors: String {
    let total = result.total
    var codes = total.codes.filter { !$0.isGood }.sorted { $0.count > $1.count }.map {
      ($0.code, $0.count)
    }
    if total.notSent > 0 { codes.append((TimePlots.notSent, total.notSent)) }
    let title = "Calls without a good answer"
    guard !codes.isEmpty else {
      return figure(
        title, "By gRPC code.", [],
        "<p class=\"none\">None: all \(Spelling.grouped(total.intended)) calls got a good answer.</p>"
      )
    }
    // From the warm end, and grey for what was never sent.
    let styles = ["s5", "s3", "s4", "s2", "s6", "s1"]
    let entries = codes.enumerated().map { index, entry in
      (
        code: entry.0,
        style: entry.0 == TimePlots.notSent ? "max" : styles[index % styles.count]
      )
    }
    let legend = zip(entries, codes).map { entry, code in
      ("\(entry.code) \(Spelling.grouped(code.1))", entry.style, "box")
    }
    return figure(
      title, "By gRPC code, in the \(sliceName) they were to start.", legend,
      TimePlots(result).errors(entries))
  }
}

extension Spelling {
  /// Calls a second: whole and grouped where there are many.
  static func rate(_ value: Double) -> String {
    value >= 1_000 ? grouped(Int(value.rounded())) : short(value)
  }
}
