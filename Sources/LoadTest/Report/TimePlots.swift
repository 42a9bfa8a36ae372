/// What happened over the measured time.
struct TimePlots {
  private let timeline: RunResult.Timeline
  private let x: Axis
  private let slices: [RunResult.Slice]

  init(_ result: RunResult) {
    timeline = result.timeline
    slices = timeline.slices
    let end = Double(slices.count) * timeline.sliceSeconds
    x = Axis(0, max(end, 0.1), from: PlotFrame.left, to: PlotFrame.right)
  }

  private var width: Double { timeline.sliceSeconds }

  private var columns: String {
    let isLong = x.high > 600
    let ticks = x.linearTicks(8).map { tick in
      (at: x(tick), label: isLong ? Spelling.short(tick / 60) : Spelling.short(tick))
    }
    return PlotFrame.columns(
      ticks, isLong ? "minutes of the measured phase" : "seconds of the measured phase")
  }

  private func middle(_ slice: RunResult.Slice) -> Double { x(slice.at + width / 2) }

  /// Invisible columns that tell their figures under the pointer.
  private func titles(_ title: (RunResult.Slice) -> String) -> String {
    let height = PlotFrame.bottom - PlotFrame.top
    return slices.map { slice in
      SVG.rectangle(
        x(slice.at), PlotFrame.top, x(slice.at + width) - x(slice.at), height, "touch",
        title: "\(Spelling.short(slice.at)) s: \(title(slice))")
    }.joined()
  }

  // MARK: Latency

  func latency() -> String {
    let values = slices.flatMap { [$0.p50, $0.p99, $0.max].compactMap { $0 } }
    let y = Axis.latencies(values, from: PlotFrame.bottom, to: PlotFrame.top)
    func line(_ value: (RunResult.Slice) -> Double?, _ style: String) -> String {
      SVG.path(slices.map { slice in value(slice).map { (middle(slice), y($0)) } }, style)
    }
    return PlotFrame.svg(
      "Latency over time",
      [
        PlotFrame.rows(y) { Spelling.time(microseconds: $0) }, columns,
        line(\.max, "line thin max"), line(\.p99, "line p99"), line(\.p50, "line p50"),
        titles { slice in
          func spelled(_ value: Double?) -> String {
            value.map { Spelling.time(microseconds: $0) } ?? "–"
          }
          return "p50 \(spelled(slice.p50)), p99 \(spelled(slice.p99)), max \(spelled(slice.max))"
        },
      ])
  }

  // MARK: Throughput

  func throughput() -> String {
    func rate(_ count: Int) -> Double { Double(count) / width }
    let most = slices.map { max($0.intendedPerSecond, rate($0.goodAnswers + $0.badAnswers)) }.max()
    let y = Axis(
      0, max(1, most ?? 1) * 1.12, from: PlotFrame.bottom, to: PlotFrame.top)
    let base = slices.map { (middle($0), y(0)) }
    let good = slices.map { (middle($0), y(rate($0.goodAnswers))) }
    let all = slices.map { (middle($0), y(rate($0.goodAnswers + $0.badAnswers))) }
    let hasBad = slices.contains { $0.badAnswers > 0 }
    let asked = slices.map { slice -> (Double, Double)? in
      (middle(slice), y(slice.intendedPerSecond))
    }
    return PlotFrame.svg(
      "Throughput over time",
      [
        PlotFrame.rows(y) { $0 == 0 ? "0" : "\(Spelling.grouped(Int($0)))/s" }, columns,
        SVG.area(good, base, "area good"), hasBad ? SVG.area(all, good, "area bad") : "",
        SVG.path(zip(slices, all).map { $0.badAnswers > 0 ? $1 : nil }, "line bad"),
        SVG.path(good.map { $0 }, "line good"),
        SVG.path(asked, "line asked"),
        titles {
          "\(Spelling.short(rate($0.goodAnswers)))/s good, \(Spelling.short(rate($0.badAnswers)))/s other, \(Spelling.short($0.intendedPerSecond))/s intended"
        },
      ])
  }

  // MARK: Errors

  /// Calls without a good answer, by the code they got instead, as columns over time.
  func errors(_ codes: [(code: String, style: String)]) -> String {
    let counts = slices.map { slice in
      codes.map { entry in
        entry.code == Self.notSent ? slice.notSent : slice.codes[entry.code] ?? 0
      }
    }
    let rates = counts.map { Double($0.reduce(0, +)) / width }
    let y = Axis(0, max(1, rates.max() ?? 1) * 1.12, from: PlotFrame.bottom, to: PlotFrame.top)
    let columns = zip(slices, counts).map { slice, counts in
      var sum = 0.0
      let left = x(slice.at)
      let wide = x(slice.at + width) - left
      let gap = wide > 4 ? 1.0 : 0
      return zip(codes, counts).map { entry, count in
        guard count > 0 else { return "" }
        let bottom = y(sum)
        sum += Double(count) / width
        return SVG.rectangle(left, y(sum), wide - gap, bottom - y(sum), "fill \(entry.style)")
      }.joined()
    }
    return PlotFrame.svg(
      "Calls without a good answer over time",
      [PlotFrame.rows(y) { $0 == 0 ? "0" : "\(Spelling.short($0))/s" }, self.columns] + columns
        + [
          titles { slice in
            let parts = codes.compactMap { entry -> String? in
              let count =
                entry.code == Self.notSent ? slice.notSent : slice.codes[entry.code] ?? 0
              return count > 0 ? "\(entry.code) \(count)" : nil
            }
            return parts.isEmpty ? "none" : parts.joined(separator: ", ")
          }
        ])
  }

  /// Stands among the codes for calls that were not sent.
  static let notSent = "not sent"
}
