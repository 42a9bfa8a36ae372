/// Bits of HTML and SVG.
enum SVG {
  /// Text as it may stand between tags and in quoted attributes.
  static func escape(_ text: String) -> String {
    var out = ""
    for character in text {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      default: out.append(character)
      }
    }
    return out
  }

  /// A coordinate: a tenth of a pixel is enough.
  static func number(_ value: Double) -> String { Spelling.fixed(value, 1) }

  static func line(_ from: (Double, Double), _ to: (Double, Double), _ style: String) -> String {
    "<line x1=\"\(number(from.0))\" y1=\"\(number(from.1))\" x2=\"\(number(to.0))\" y2=\"\(number(to.1))\" class=\"\(style)\"/>"
  }

  static func text(_ text: String, _ x: Double, _ y: Double, _ style: String) -> String {
    "<text x=\"\(number(x))\" y=\"\(number(y))\" class=\"\(style)\">\(escape(text))</text>"
  }

  /// A line through points; a nil point is a gap.
  static func path(_ points: [(Double, Double)?], _ style: String) -> String {
    var steps = ""
    var isDown = false
    for point in points {
      guard let point else {
        isDown = false
        continue
      }
      steps += "\(isDown ? "L" : "M")\(number(point.0)) \(number(point.1))"
      isDown = true
    }
    return steps.isEmpty ? "" : "<path d=\"\(steps)\" class=\"\(style)\"/>"
  }

  /// The area between a line and another, both from left to right.
  static func area(
    _ top: [(Double, Double)], _ bottom: [(Double, Double)], _ style: String
  ) -> String {
    guard !top.isEmpty else { return "" }
    let steps = (top + bottom.reversed()).enumerated().map { index, point in
      "\(index == 0 ? "M" : "L")\(number(point.0)) \(number(point.1))"
    }
    return "<path d=\"\(steps.joined())Z\" class=\"\(style)\"/>"
  }

  static func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String,
    title: String? = nil
  ) -> String {
    let frame =
      "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(width))\" height=\"\(number(height))\" class=\"\(style)\""
    return title.map { "\(frame)><title>\(escape($0))</title></rect>" } ?? "\(frame)/>"
  }
}

/// Values along one side of a plot.
struct Axis {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  /// Where the ends are, in pixels.
  let from: Double
  let to: Double

  init(_ low: Double, _ high: Double, isLogarithmic: Bool = false, from: Double, to: Double) {
    self.low = low
    self.high = high > low ? high : low + 1
    self.isLogarithmic = isLogarithmic
    self.from = from
    self.to = to
  }

  /// The pixel of a value; one outside is put to the end.
  func callAsFunction(_ value: Double) -> Double {
    let value = min(max(value, low), high)
    let share =
      isLogarithmic
      ? (value.log10 - low.log10) / (high.log10 - low.log10) : (value - low) / (high - low)
    return from + (to - from) * share
  }

  /// Round values between the ends.
  var ticks: [Double] {
    guard isLogarithmic else { return linearTicks(5) }
    let decades = high.log10 - low.log10
    let steps: [Double] = decades > 4 ? [1] : decades > 2 ? [1, 3] : [1, 2, 5]
    var ticks: [Double] = []
    var power = Self.power(of: low)
    while power <= high {
      ticks += steps.map { $0 * power }.filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
      power *= 10
    }
    return ticks
  }

  func linearTicks(_ about: Double) -> [Double] {
    let rough = (high - low) / about
    let power = Self.power(of: rough)
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? power * 10
    var ticks: [Double] = []
    var tick = (low / step).rounded(.up) * step
    while tick <= high * 1.000_001, ticks.count < 30 {
      ticks.append(tick)
      tick += step
    }
    return ticks
  }

  /// The power of ten at or below.
  static func power(of value: Double) -> Double {
    var power = 1.0
    while power > value, power > 1e-9 { power /= 10 }
    while power * 10 <= value, power < 1e15 { power *= 10 }
    return power
  }

  /// An axis for latencies in microseconds: logarithmic where they differ much.
  static func latencies(_ values: [Double], from: Double, to: Double) -> Axis {
    let positive = values.filter { $0 > 0 }
    let least = positive.min() ?? 1
    let most = positive.max() ?? 1
    guard most / least > 20 else { return Axis(0, most * 1.08, from: from, to: to) }
    // From a round value below to a round value above.
    let low = power(of: least)
    let bottom = [5, 2, 1].map { $0 * low }.first { $0 <= least * 1.001 } ?? low
    let high = power(of: most)
    let top = [1, 2, 5, 10].map { $0 * high }.first { $0 >= most * 0.999 } ?? high * 10
    return Axis(bottom, top, isLogarithmic: true, from: from, to: to)
  }
}

/// The frame of a plot with its axes.
struct PlotFrame {
  static let width = 620.0
  static let height = 320.0
  static let left = 62.0
  static let right = width - 14
  static let top = 14.0
  static let bottom = height - 44

  /// A plot's SVG around what is drawn in it.
  static func svg(_ label: String, _ parts: [String]) -> String {
    """
    <svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" aria-label="\(SVG.escape(label))">
    \(parts.filter { !$0.isEmpty }.joined(separator: "\n"))
    </svg>
    """
  }

  /// Grid lines with their values at the left.
  static func rows(_ axis: Axis, _ spelled: (Double) -> String) -> String {
    axis.ticks.map { tick in
      SVG.line((left, axis(tick)), (right, axis(tick)), tick == axis.low ? "base" : "grid")
        + SVG.text(spelled(tick), left - 8, axis(tick) + 4, "tick end")
    }.joined()
  }

  /// Values along the bottom.
  static func columns(_ ticks: [(at: Double, label: String)], _ title: String) -> String {
    let marks = ticks.map { tick in
      SVG.line((tick.at, bottom), (tick.at, bottom + 5), "base")
        + SVG.text(tick.label, tick.at, bottom + 19, "tick middle")
    }
    return SVG.line((left, bottom), (right, bottom), "base") + marks.joined()
      + SVG.text(title, right, height - 6, "tick end")
  }
}
