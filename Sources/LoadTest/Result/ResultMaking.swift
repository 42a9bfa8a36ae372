import Foundation
import GRPC
import Histogram
import Protobuf

/// Puts the result together from what the threads saw.
struct ResultMaker {
  let scenario: Scenario
  let schedule: Schedule
  let sliceLength: Int64
  /// Nanoseconds of the schedule, warm-up included, that ran.
  let ran: Int64
  private let calls: [Recorder.CallTally]
  private let slices: [Recorder.SliceTally]
  private let service: Latencies
  private let lag: Latencies

  init(
    _ scenario: Scenario, _ schedule: Schedule, sliceLength: Int64, ran: Int64,
    _ tallies: [Recorder.State]
  ) {
    self.scenario = scenario
    self.schedule = schedule
    self.sliceLength = sliceLength
    self.ran = ran
    calls = scenario.calls.indices.map { index in
      tallies.reduce(into: Recorder.CallTally()) { $0.add($1.calls[index]) }
    }
    slices = (tallies.first?.slices ?? []).indices.map { index in
      tallies.reduce(into: Recorder.SliceTally()) { $0.add($1.slices[index]) }
    }
    service = tallies.reduce(into: Latencies.fine) { $0.add($1.service) }
    lag = tallies.reduce(into: Latencies.fine) { $0.add($1.lag) }
  }

  /// The measured seconds.
  private var seconds: Double { Double(max(0, ran - schedule.warmup)) / 1e9 }

  func result(
    startedAt: Date, endedEarly: Bool, cpuSeconds: Double, wallSeconds: Double,
    warnings: [String]
  ) -> RunResult {
    let load = scenario.load
    var result = RunResult(
      scenario: RunResult.ScenarioNote(
        name: scenario.name, about: scenario.about,
        source: String(decoding: scenario.source.prettyUTF8, as: UTF8.self)),
      startedAt: startedAt.formatted(.iso8601), endedEarly: endedEarly, machine: .current(),
      load: RunResult.LoadNote(
        arrivals: load.arrivals.rawValue, warmupSeconds: Double(schedule.warmup) / 1e9,
        plannedSeconds: Double(schedule.length - schedule.warmup) / 1e9,
        measuredSeconds: seconds, inFlightMax: load.inFlightMax, connections: load.connections,
        threads: load.threads, seed: load.seed),
      total: total(), calls: zip(scenario.calls, calls).map(figures),
      timeline: timeline(),
      generator: RunResult.GeneratorNote(
        lag: LatencySummary(lag), service: LatencySummary(service), cpuSeconds: cpuSeconds,
        wallSeconds: wallSeconds),
      expectations: [], warnings: warnings)
    result.warnings += ownWarnings(result)
    result.judge(scenario.expectations)
    return result
  }

  /// What makes the figures say less about the server than they seem to.
  private func ownWarnings(_ result: RunResult) -> [String] {
    var warnings: [String] = []
    let total = result.total
    if total.notSent > 0 {
      warnings.append(
        "\(total.notSent) of \(total.intended) calls were not sent: \(result.load.inFlightMax) were under way already. They count as errors, and their latency is unknown; see inFlight."
      )
    }
    let lag = result.generator.lag
    if lag.p99 > 10_000, lag.p99 > total.latency.p99 / 10 {
      warnings.append(
        "The generator was late itself: one call in a hundred was sent \(Spelling.time(microseconds: lag.p99)) or more after its time. It needs more threads, a core of its own, or a lower rate."
      )
    }
    if result.machine.build == "debug" {
      warnings.append(
        "The generator is a debug build; its own work shows in the latencies. Use a release build to compare."
      )
    }
    return warnings
  }

  // MARK: Figures

  private func figures(_ call: Scenario.Call, _ tally: Recorder.CallTally) -> RunResult.Figures {
    let isGood = call.isGood
    var good = Latencies.fine
    var codes: [RunResult.CodeFigures] = []
    for (code, latencies) in tally.byCode.enumerated() {
      guard let latencies else { continue }
      if isGood[code] { good.add(latencies) }
      codes.append(
        RunResult.CodeFigures(
          code: CodeNames.name(code), count: Int(clamping: latencies.totalCount),
          isGood: isGood[code], latency: LatencySummary(latencies)))
    }
    return figures(call.name, call.request.method, tally, good, codes)
  }

  private func figures(
    _ name: String, _ method: String, _ tally: Recorder.CallTally, _ good: Latencies,
    _ codes: [RunResult.CodeFigures]
  ) -> RunResult.Figures {
    let rate = seconds > 0 ? 1 / seconds : 0
    return RunResult.Figures(
      name: name, method: method, intended: tally.intended,
      sent: tally.intended - tally.notSent, notSent: tally.notSent,
      good: Int(clamping: good.totalCount), intendedPerSecond: Double(tally.intended) * rate,
      goodPerSecond: Double(good.totalCount) * rate, latency: LatencySummary(good), codes: codes)
  }

  private func total() -> RunResult.Figures {
    var sum = Recorder.CallTally()
    var good = Latencies.fine
    var byCode: [String: (latencies: Latencies, isGood: Bool)] = [:]
    for (call, tally) in zip(scenario.calls, calls) {
      sum.intended += tally.intended
      sum.notSent += tally.notSent
      for (code, latencies) in tally.byCode.enumerated() {
        guard let latencies else { continue }
        if call.isGood[code] { good.add(latencies) }
        let name = CodeNames.name(code)
        byCode[name, default: (.fine, call.isGood[code])].latencies.add(latencies)
      }
    }
    let codes = CodeNames.all.compactMap { name in
      byCode[name].map {
        RunResult.CodeFigures(
          code: name, count: Int(clamping: $0.latencies.totalCount), isGood: $0.isGood,
          latency: LatencySummary($0.latencies))
      }
    }
    return figures("all", "", sum, good, codes)
  }

  // MARK: Time

  private func timeline() -> RunResult.Timeline {
    let width = Double(sliceLength) / 1e9
    let shown = slices.prefix(Int(((seconds - 1e-6) / width).rounded(.up)))
    return RunResult.Timeline(
      sliceSeconds: width,
      slices: shown.enumerated().map { index, slice in
        let codes = slice.byCode.enumerated().filter { $0.element > 0 }
        let middle = schedule.warmup + Int64(index) * sliceLength + sliceLength / 2
        return RunResult.Slice(
          at: Double(index) * width, intendedPerSecond: schedule.rate(at: middle),
          intended: slice.intended, notSent: slice.notSent,
          codes: Dictionary(
            codes.map { (CodeNames.name($0.offset), $0.element) }, uniquingKeysWith: +),
          p50: slice.latencies.map { Double($0.valueAtPercentile(50)) },
          p99: slice.latencies.map { Double($0.valueAtPercentile(99)) },
          max: slice.latencies.map { Double($0.maxRecorded) },
          goodAnswers: slice.goodAnswers, badAnswers: slice.badAnswers)
      })
  }
}

extension Scenario.Call {
  /// By the number of the code.
  var isGood: [Bool] { CodeNames.all.map(expected.contains) }
}

extension Recorder.CallTally {
  mutating func add(_ other: Self) {
    intended += other.intended
    notSent += other.notSent
    for (code, latencies) in other.byCode.enumerated() {
      guard let latencies else { continue }
      var sum = byCode[code] ?? .fine
      sum.add(latencies)
      byCode[code] = sum
    }
  }
}

extension Recorder.SliceTally {
  mutating func add(_ other: Self) {
    intended += other.intended
    notSent += other.notSent
    goodAnswers += other.goodAnswers
    badAnswers += other.badAnswers
    for (code, count) in other.byCode.enumerated() { byCode[code] += count }
    guard let added = other.latencies else { return }
    var sum = latencies ?? .coarse
    sum.add(added)
    latencies = sum
  }
}
