import Foundation
import Histogram

/// What a test found, as it is written to the result file. Times are microseconds unless their
/// names say otherwise.
struct RunResult: Codable, Sendable {
  static let format = "clientele-loadtest/1"

  var format = RunResult.format
  var scenario: ScenarioNote
  /// RFC 3339.
  var startedAt: String
  /// Whether somebody ended the test before its schedule did.
  var endedEarly: Bool
  var machine: Machine
  var load: LoadNote
  var total: Figures
  var calls: [Figures]
  var timeline: Timeline
  var generator: GeneratorNote
  var expectations: [Verdict]
  /// What the reader of the figures should know.
  var warnings: [String]

  struct ScenarioNote: Codable, Sendable {
    var name: String
    var about: String
    /// The scenario as it ran.
    var source: String
  }

  struct LoadNote: Codable, Sendable {
    var arrivals: String
    var warmupSeconds: Double
    /// Of the schedule, without the warm-up.
    var plannedSeconds: Double
    /// How much of that ran.
    var measuredSeconds: Double
    var inFlightMax: Int
    var connections: Int
    var threads: Int
    var seed: UInt64
  }

  /// The figures of one kind of call, or of all.
  struct Figures: Codable, Sendable {
    var name: String
    /// "package.Service/Method"; empty for all.
    var method: String
    /// Arrivals of the measured phase.
    var intended: Int
    var sent: Int
    var notSent: Int
    /// Answers with a code the scenario expects.
    var good: Int
    /// Calls a second by the schedule, and good answers a second.
    var intendedPerSecond: Double
    var goodPerSecond: Double
    /// Latency of good answers from the intended start.
    var latency: LatencySummary
    /// Latency of every code from the intended start.
    var codes: [CodeFigures]

    /// Share of arrivals without a good answer.
    var errorShare: Double { intended > 0 ? Double(intended - good) / Double(intended) : 0 }
  }

  struct CodeFigures: Codable, Sendable {
    var code: String
    var count: Int
    /// Whether the scenario takes it for a good answer.
    var isGood: Bool
    var latency: LatencySummary
  }

  /// What the generator itself did to the figures.
  struct GeneratorNote: Codable, Sendable {
    /// From the intended start to the moment of sending.
    var lag: LatencySummary
    /// From the moment of sending to the good answer: what a closed loop would have reported.
    var service: LatencySummary
    var cpuSeconds: Double
    var wallSeconds: Double
  }

  struct Verdict: Codable, Sendable {
    var expectation: String
    var found: String
    var isMet: Bool
  }

  /// Figures over time.
  struct Timeline: Codable, Sendable {
    var sliceSeconds: Double
    var slices: [Slice]
  }

  struct Slice: Codable, Sendable {
    /// Seconds from the start of the measured phase.
    var at: Double
    /// Calls a second by the schedule in the middle of the slice.
    var intendedPerSecond: Double
    var intended: Int
    var notSent: Int
    /// How the calls that were to start in the slice ended.
    var codes: [String: Int]
    /// Of their good answers.
    var p50: Double?
    var p99: Double?
    var max: Double?
    /// Answers that came during the slice.
    var goodAnswers: Int
    var badAnswers: Int
  }
}

/// A distribution of latencies in microseconds.
struct LatencySummary: Codable, Sendable {
  var count = 0
  var mean = 0.0
  var min = 0.0
  var p50 = 0.0
  var p90 = 0.0
  var p95 = 0.0
  var p99 = 0.0
  var p999 = 0.0
  var p9999 = 0.0
  var max = 0.0
  /// Percentile and latency, denser towards 100, as far as there are calls to tell them apart.
  var curve: [[Double]] = []

  init() {}

  init(_ latencies: Latencies) {
    count = Int(clamping: latencies.totalCount)
    guard count > 0 else { return }
    func at(_ percentile: Double) -> Double { Double(latencies.valueAtPercentile(percentile)) }
    mean = latencies.mean
    min = Double(latencies.min)
    p50 = at(50)
    p90 = at(90)
    p95 = at(95)
    p99 = at(99)
    p999 = at(99.9)
    p9999 = at(99.99)
    max = Double(latencies.maxRecorded)
    var rest = 1.0
    while rest * Double(count) >= 1, curve.count < 200 {
      curve.append([(1 - rest) * 100, at((1 - rest) * 100)])
      rest *= 0.840_896_415_253_714_6  // four steps halve what is left
    }
    curve.append([100, max])
  }

  /// The latency at a percentile: exact for those kept, else from the curve.
  func percentile(_ percentile: Double) -> Double? {
    guard count > 0 else { return nil }
    switch percentile {
    case 50: return p50
    case 90: return p90
    case 95: return p95
    case 99: return p99
    case 99.9: return p999
    case 99.99: return p9999
    case 100: return max
    default: return curve.first { $0.count == 2 && $0[0] >= percentile }?[1] ?? max
    }
  }
}

extension RunResult {
  /// What an expectation is about; nil when nothing was measured.
  func value(of expectation: Expectation) -> Double? {
    let figures = expectation.call.flatMap { name in calls.first { $0.name == name } } ?? total
    guard figures.intended > 0 else { return nil }
    let intended = Double(figures.intended)
    switch expectation.metric {
    case .percentile(let percentile): return figures.latency.percentile(percentile)
    case .mean: return figures.latency.count > 0 ? figures.latency.mean : nil
    case .max: return figures.latency.count > 0 ? figures.latency.max : nil
    case .errors: return figures.errorShare
    case .notSent: return Double(figures.notSent) / intended
    case .rate: return figures.goodPerSecond
    case .achieved: return Double(figures.good) / intended
    case .lag: return generator.lag.count > 0 ? generator.lag.p99 : nil
    }
  }

  /// Holds the result against expectations.
  mutating func judge(_ expectations: [Expectation]) {
    self.expectations = expectations.map { expectation in
      let value = value(of: expectation)
      return Verdict(
        expectation: expectation.text, found: expectation.spelled(value),
        isMet: expectation.isMet(by: value))
    }
  }

  // MARK: Files

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try encoder.encode(self).write(to: url)
  }

  static func read(_ path: String) throws -> RunResult {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ScenarioError("\(path) cannot be read; `loadtest run` writes such files")
    }
    do {
      let result = try JSONDecoder().decode(RunResult.self, from: data)
      guard result.format == Self.format else {
        throw ScenarioError("\(path) has the format \(result.format), not \(Self.format)")
      }
      return result
    } catch is DecodingError {
      throw ScenarioError("\(path) is no result of loadtest; `loadtest run` writes such files")
    }
  }
}
