import ArgumentParser
import Foundation

/// `loadtest run`: offers the load of a scenario and writes what it found.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Offers the load of a scenario and writes what it found.",
    discussion: """
      Calls start when the schedule says so, whatever became of those before, and their latency
      counts from that moment. Ctrl-C ends the test early and still reports.

      loadtest run scenarios/client-directory.json
      loadtest run scenarios/echo.json --rate 20000 --duration 1m --expect 'p99<=10ms'

      The exit code is 0 when every expectation was met, 1 when one was not, 2 for a scenario that
      cannot be run. docs/load-testing.md describes scenario files.
      """)

  @Argument(help: "The scenario file.")
  var scenario: String

  @Option(help: "Calls a second, instead of the scenario's rate or stages.")
  var rate: Double?

  @Option(help: "Length of the measured phase, such as 30s; with --rate or a constant rate.")
  var duration: String?

  @Option(help: "Time at the first rate that is not measured, such as 5s.")
  var warmup: String?

  @Option(help: "even or poisson.")
  var arrivals: String?

  @Option(help: "Connections to each target.")
  var connections: Int?

  @Option(help: "Threads of the generator.")
  var threads: Int?

  @Option(help: "Calls under way at once; arrivals beyond are not sent and count as errors.")
  var inFlight: Int?

  @Option(help: "Deadline of every call, such as 500ms.")
  var deadline: String?

  @Option(
    help: ArgumentHelp(
      "Another address of a target.", discussion: "Such as --target echo=127.0.0.1:40000.",
      valueName: "name=host:port"))
  var target: [String] = []

  @Option(help: "A condition on the result, such as 'p99<=250ms' or 'errors<=0.1%'; repeatable.")
  var expect: [String] = []

  @Option(help: "Where the result goes.")
  var json = ".run/loadtest/result.json"

  @Option(help: "Where the report goes; beside the result unless said otherwise.")
  var html: String?

  @Flag(help: "No progress line, no summary.")
  var quiet = false

  func run() async throws {
    let result: RunResult
    do {
      var scenario = try overridden(try ScenarioFile.read(self.scenario))
      for text in expect {
        scenario.expectations.append(
          try Expectation(text, calls: scenario.calls.map(\.name)))
      }
      var run = LoadRun(scenario)
      run.heedsSignals = true
      if !quiet { run.progress = Progress() }
      do {
        result = try await run.run()
      } catch let error as ScenarioError {
        throw located(error)
      }
      try result.write(to: json)
      try HTMLReport(result).write(to: page)
    } catch let error as ScenarioError {
      try? FileHandle.standardError.write(contentsOf: Data("loadtest: \(error)\n".utf8))
      throw ExitCode(2)
    }
    if !quiet {
      print(Summary.text(result))
      print("\nresult  \(json)\nreport  \(page)")
    }
    if result.expectations.contains(where: { !$0.isMet }) { throw ExitCode(1) }
  }

  private var page: String {
    html
      ?? (json.hasSuffix(".json") ? String(json.dropLast(5)) : json) + ".html"
  }

  /// With the line of the scenario file, where the fault is in that file.
  private func located(_ error: ScenarioError) -> ScenarioError {
    guard let data = FileManager.default.contents(atPath: scenario) else { return error }
    return error.located(in: scenario, [UInt8](data))
  }

  // MARK: What the command line says otherwise

  private func overridden(_ scenario: Scenario) throws -> Scenario {
    var scenario = scenario
    if let rate {
      guard rate > 0, rate <= 1_000_000 else { throw wrong("--rate", "0 to 1000000") }
      let length = scenario.load.stages.reduce(0) { $0 + $1.length }
      scenario.load.stages = [Stage(from: rate, to: rate, length: length)]
    }
    if let duration {
      guard scenario.load.stages.count == 1 else {
        throw ScenarioError("--duration needs --rate, since the scenario has stages")
      }
      scenario.load.stages[0].length = try time("--duration", duration)
    }
    if let warmup { scenario.load.warmup = try time("--warmup", warmup, least: 0) }
    if let arrivals {
      guard let pattern = ArrivalPattern(rawValue: arrivals) else {
        throw wrong("--arrivals", "even or poisson")
      }
      scenario.load.arrivals = pattern
    }
    if let connections {
      scenario.load.connections = try count("--connections", connections, 10_000)
    }
    if let threads { scenario.load.threads = try count("--threads", threads, 64) }
    if let inFlight { scenario.load.inFlightMax = try count("--in-flight", inFlight, 1_000_000) }
    if let deadline {
      let deadline = try time("--deadline", deadline)
      scenario.calls = scenario.calls.map { $0.with(deadline: deadline) }
    }
    for text in target {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, let known = scenario.targets[parts[0]],
        let moved = known.moved(to: parts[1])
      else {
        throw ScenarioError(
          "--target \(text): write name=host:port; there are \(scenario.targets.keys.sorted().joined(separator: ", "))"
        )
      }
      scenario.targets[parts[0]] = moved
    }
    return scenario
  }

  private func wrong(_ option: String, _ right: String) -> ScenarioError {
    ScenarioError("\(option) must be \(right)")
  }

  private func count(_ option: String, _ value: Int, _ most: Int) throws -> Int {
    guard (1...most).contains(value) else { throw wrong(option, "1 to \(most)") }
    return value
  }

  private func time(_ option: String, _ text: String, least: Int64 = 1_000_000) throws -> Int64 {
    guard let time = Spelling.time(text), time >= least else {
      throw wrong(option, "a time such as 500ms, 30s or 2m")
    }
    return time
  }
}

extension Scenario.Call {
  func with(deadline: Int64) -> Scenario.Call {
    Scenario.Call(
      name: name, request: request, weight: weight, deadline: deadline, expected: expected)
  }
}

extension Scenario.Target {
  func moved(to address: String) -> Scenario.Target? {
    guard let colon = address.lastIndex(of: ":"), colon > address.startIndex,
      let port = Int(address[address.index(after: colon)...]), (1...65_535).contains(port)
    else { return nil }
    return Scenario.Target(
      name: name, host: String(address[..<colon]), port: port, peer: peer,
      isPlaintext: isPlaintext)
  }
}
