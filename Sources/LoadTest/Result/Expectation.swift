/// A condition on a result, such as `p99<=250ms` or `get:errors<=0.1%`.
struct Expectation: Sendable, Hashable {
  enum Metric: Sendable, Hashable {
    /// Latency of good answers from the intended start, in microseconds.
    case percentile(Double)
    case mean
    case max
    /// Share of arrivals without a good answer, those not sent included.
    case errors
    /// Share of arrivals that were not sent.
    case notSent
    /// Good answers a second.
    case rate
    /// Share of arrivals with a good answer.
    case achieved
    /// How late the generator itself was in 99 of 100 calls, in microseconds.
    case lag
  }

  /// As it was written.
  let text: String
  /// One call of the mix; all of them without it.
  let call: String?
  let metric: Metric
  let isUpperBound: Bool
  let isStrict: Bool
  let limit: Double

  private static let example =
    "p99<=250ms, p99.9<=1s, max<=2s, errors<=0.1%, rate>=500, achieved>=99%, notSent<=0%, lag<=5ms; `name:` before it means one call of the mix"

  /// - Parameter calls: the names in the mix.
  init(_ text: String, calls: [String]) throws(ScenarioError) {
    self.text = text
    guard let place = text.firstIndex(where: { $0 == "<" || $0 == ">" }) else {
      throw ScenarioError("\(text) compares nothing; write such as \(Self.example)")
    }
    var left = text[..<place].filter { $0 != " " }
    isUpperBound = text[place] == "<"
    var right = text[text.index(after: place)...]
    isStrict = right.first != "="
    if !isStrict { right = right.dropFirst() }
    if let colon = left.lastIndex(of: ":") {
      let name = String(left[..<colon])
      guard calls.contains(name) else {
        throw ScenarioError(
          "there is no call \(name); there are \(calls.joined(separator: ", "))")
      }
      call = name
      left = left[left.index(after: colon)...].filter { _ in true }
    } else {
      call = nil
    }
    guard let metric = Self.metric(left) else {
      throw ScenarioError("\(left) is nothing that is measured; write such as \(Self.example)")
    }
    self.metric = metric
    guard let limit = Self.limit(right.filter { $0 != " " }, metric) else {
      throw ScenarioError("\(right) is no limit for \(left); write such as \(Self.example)")
    }
    self.limit = limit
  }

  private static func metric(_ text: String) -> Metric? {
    switch text {
    case "mean": return .mean
    case "max": return .max
    case "errors": return .errors
    case "notSent": return .notSent
    case "rate": return .rate
    case "achieved": return .achieved
    case "lag": return .lag
    default:
      guard text.hasPrefix("p"), let percentile = Double(text.dropFirst()),
        percentile > 0, percentile <= 100
      else { return nil }
      return .percentile(percentile)
    }
  }

  private static func limit(_ text: String, _ metric: Metric) -> Double? {
    switch metric {
    case .percentile, .mean, .max, .lag:
      return Spelling.time(text).map { Double($0) / 1_000 }
    case .errors, .notSent, .achieved:
      guard text.hasSuffix("%"), let number = Double(text.dropLast()), number >= 0 else {
        return nil
      }
      return number / 100
    case .rate:
      guard let number = Double(text.hasSuffix("/s") ? String(text.dropLast(2)) : text),
        number >= 0
      else { return nil }
      return number
    }
  }

  /// Whether a value keeps to the limit. Where nothing was measured nothing was shown.
  func isMet(by value: Double?) -> Bool {
    guard let value, value.isFinite else { return false }
    switch (isUpperBound, isStrict) {
    case (true, true): return value < limit
    case (true, false): return value <= limit
    case (false, true): return value > limit
    case (false, false): return value >= limit
    }
  }

  /// A value as people read it.
  func spelled(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "nothing measured" }
    switch metric {
    case .percentile, .mean, .max, .lag: return Spelling.time(microseconds: value)
    case .errors, .notSent, .achieved: return "\(Spelling.fixed(value * 100, 3)) %"
    case .rate: return "\(Spelling.short(value))/s"
    }
  }
}
