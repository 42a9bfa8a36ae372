import GRPC

/// Writes figures in Prometheus' text format, version 0.0.4.
enum PrometheusText {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// The figures, those of one name together, whatever order they came in.
  static func page(_ samples: [MetricSample]) -> String {
    var families: [String: [MetricSample]] = [:]
    var order: [String] = []
    for sample in samples {
      let name = legal(sample.name, colons: true)
      if families[name] == nil { order.append(name) }
      families[name, default: []].append(sample)
    }
    var text = ""
    for name in order {
      guard let family = families[name], let first = family.first else { continue }
      text += "# HELP \(name) \(escaped(first.help, quotes: false))\n"
      text += "# TYPE \(name) \(type(first.kind))\n"
      for sample in family { write(sample, name, to: &text) }
    }
    return text
  }

  private static func write(_ sample: MetricSample, _ name: String, to text: inout String) {
    guard case .histogram(let buckets, let sum, let count) = sample.kind else {
      text += "\(name)\(braces(sample.labels)) \(number(sample.value))\n"
      return
    }
    for bucket in buckets where bucket.upperBound.isFinite {
      let labels = sample.labels + [(name: "le", value: number(bucket.upperBound))]
      text += "\(name)_bucket\(braces(labels)) \(bucket.count)\n"
    }
    let all = sample.labels + [(name: "le", value: "+Inf")]
    text += "\(name)_bucket\(braces(all)) \(count)\n"
    text += "\(name)_sum\(braces(sample.labels)) \(number(sum))\n"
    text += "\(name)_count\(braces(sample.labels)) \(count)\n"
  }

  private static func type(_ kind: MetricSample.Kind) -> String {
    switch kind {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }

  private static func braces(_ labels: [(name: String, value: String)]) -> String {
    guard !labels.isEmpty else { return "" }
    let pairs = labels.map { label in
      "\(legal(label.name, colons: false))=\"\(escaped(label.value, quotes: true))\""
    }
    return "{" + pairs.joined(separator: ",") + "}"
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value) { return String(whole) }
    return "\(value)"
  }

  /// A name of letters, digits and underscores that begins with no digit.
  private static func legal(_ name: String, colons: Bool) -> String {
    var legal = ""
    for scalar in name.unicodeScalars {
      let isLetter = scalar.isASCII && (scalar.properties.isAlphabetic || scalar == "_")
      let isDigit = ("0"..."9").contains(scalar)
      if isDigit, legal.isEmpty { legal += "_" }
      legal.unicodeScalars.append(isLetter || isDigit || (colons && scalar == ":") ? scalar : "_")
    }
    return legal.isEmpty ? "_" : legal
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
