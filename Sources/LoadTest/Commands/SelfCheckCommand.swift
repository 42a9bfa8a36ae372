import ArgumentParser

/// `loadtest self-check`: proves that the generator counts every call from when it was due.
struct SelfCheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "self-check",
    abstract: "Proves against a planted stall that no wait is hidden.",
    discussion: """
      A server in this process answers nothing for 100 ms of every second. Calls at a fixed rate must
      show it in their p99. The same measured by a generator that waits for each answer before it
      makes the next call is shown beside it. The exit code is 1 when the stall does not show.
      """)

  @Option(help: "Calls a second.")
  var rate = 400.0

  @Option(help: "Seconds of each measurement.")
  var seconds = 5

  @Flag(help: .hidden)
  var coordinated = false

  func validate() throws {
    guard (50...5_000).contains(rate) else { throw ValidationError("--rate must be 50 to 5000") }
    guard (2...60).contains(seconds) else { throw ValidationError("--seconds must be 2 to 60") }
  }

  func run() async throws {
    var check = SelfCheck()
    check.rate = rate
    check.seconds = Int64(seconds)
    check.isCoordinated = coordinated
    let outcome = try await check.run()
    print(Self.text(outcome))
    if !outcome.faults.isEmpty { throw ExitCode(1) }
  }

  static func text(_ outcome: SelfCheck.Outcome) -> String {
    func time(_ value: Double) -> String { Spelling.time(microseconds: value) }
    let open = outcome.open
    let closed = outcome.closed
    let table = Columns.text([
      ["latency", "must be about", "this generator", "one that waits"],
      ["p50", "", time(open.p50), time(closed.p50)],
      ["p99", time(outcome.expectedP99), time(open.p99), time(closed.p99)],
      ["max", time(100_000), time(open.max), time(closed.max)],
    ])
    let verdict =
      outcome.faults.isEmpty
      ? "passed: the stall shows in full" : "FAILED: " + outcome.faults.joined(separator: "; ")
    return "A server that is silent for 100 ms of every second:\n\n\(table)\n\(verdict)"
  }
}
