import Foundation

/// Latency by percentile, where each step to the right leaves a tenth of the calls.
enum PercentilePlot {
  private static let ticks: [(percentile: Double, label: String)] = [
    (0, "0 %"), (50, "50"), (90, "90"), (99, "99"), (99.9, "99.9"), (99.99, "99.99"),
    (99.999, "99.999"), (99.9999, "99.9999"),
  ]

  /// From the last percentile told apart to the maximum.
  private static let tail = 0.15

  /// How far along a percentile is: 0 for 0, 1 for 90, 2 for 99.
  private static func place(_ percentile: Double) -> Double {
    max(0, -(max(1 - percentile / 100, 1e-9)).log10)
  }

  static func svg(_ rows: [(name: String, latency: LatencySummary, style: String)]) -> String {
    let rows = rows.filter { $0.latency.count > 0 }
    // The last point but one is the last percentile that was told apart from the maximum.
    let ends = rows.map { place(($0.latency.curve.dropLast().last?.first) ?? 0) + tail }
    let end = max(1.1, ends.max() ?? 1.1)
    let x = Axis(0, end, from: PlotFrame.left, to: PlotFrame.right)
    let values = rows.flatMap { $0.latency.curve.compactMap(\.last) }
    let y = Axis.latencies(values, from: PlotFrame.bottom, to: PlotFrame.top)
    let lines = zip(rows, ends).map { row, end in
      let points = row.latency.curve.filter { $0.count == 2 }.map { point -> (Double, Double)? in
        (x(point[0] >= 100 ? end : place(point[0])), y(point[1]))
      }
      return SVG.path(points, "line \(row.style)")
    }
    let shown = ticks.filter { place($0.percentile) <= end }.map {
      (at: x(place($0.percentile)), label: $0.label)
    }
    let marks = ticks.dropFirst().filter { place($0.percentile) <= end }.map { tick in
      // Further out a row has too few calls to tell the percentile from its maximum.
      zip(rows, ends).filter { place(tick.percentile) <= $0.1 - tail + 0.001 }.map { row, _ in
        row.latency.percentile(tick.percentile).map { value in
          let title =
            "\(row.name), \(tick.label) %: \(Spelling.time(microseconds: value))"
          return
            "<circle cx=\"\(SVG.number(x(place(tick.percentile))))\" cy=\"\(SVG.number(y(value)))\" r=\"3.5\" class=\"dot \(row.style)\"><title>\(SVG.escape(title))</title></circle>"
        } ?? ""
      }.joined()
    }
    return PlotFrame.svg(
      "Latency by percentile",
      [PlotFrame.rows(y) { Spelling.time(microseconds: $0) }]
        + [PlotFrame.columns(shown, "percentile of calls")] + lines + marks)
  }
}

extension Double {
  /// The logarithm to base ten.
  var log10: Double { Foundation.log10(self) }
}
