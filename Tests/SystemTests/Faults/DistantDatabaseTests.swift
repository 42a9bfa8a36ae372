import ClientDirectoryAPI
import Foundation
import GRPC
import TestKit
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A network between the services and PostgreSQL that slows down, swallows, or cuts what passes:
/// calls end in time, nothing piles up, and all is well once it is (R9, R7 on that link).
@Suite(.serialized, .timeLimit(.minutes(20))) struct DistantDatabaseTests {
  /// How long each fault lasts, in seconds.
  static let seconds = Setting.count("CLIENTELE_FAULT_SECONDS", 4)
  /// How far beyond its deadline a call may end on a machine that has more to do.
  static let slack = Duration.seconds(1)
  /// What a process may take up more than before, in bytes.
  static let growthMax = 64 << 20

  private struct Fault: Sendable {
    let name: String
    /// What calls are given; enough for the fault where they are to succeed.
    let deadline: Duration
    let reaches: Bool
    let apply: @Sendable (FaultProxy) -> Void
  }

  private static let faults = [
    Fault(name: "200 ms more", deadline: .seconds(4), reaches: true) {
      $0.delay(.up, by: .milliseconds(200))
    },
    Fault(name: "2 s more", deadline: .seconds(1), reaches: false) {
      $0.delay(.up, by: .seconds(2))
    },
    Fault(name: "questions swallowed", deadline: .seconds(1), reaches: false) { $0.stall(.up) },
    Fault(name: "answers swallowed", deadline: .seconds(1), reaches: false) { $0.stall(.down) },
    Fault(name: "answers cut off", deadline: .seconds(1), reaches: false) {
      $0.cut(.down, afterBytes: 0)
    },
  ]

  @Test("slow, silent and cut connections to PostgreSQL, one after the other")
  func faults() async throws {
    try await withProxiedStack { stack, proxy in
      let wires = try Wires(stack)
      let administrator = try await Administrator(wires, as: "admin@demo.example")
      let run = Run(stack: stack, wires: wires, administrator: administrator)
      let processes = try stack.processes()
      // The first calls make connections and statements.
      _ = try await run.rate()
      var rates: [Int] = []
      for _ in 0..<3 { rates.append(try await run.rate()) }
      let usual = rates.min() ?? 0
      let memory = try stack.memory()
      for fault in Self.faults {
        let watches = try await run.during(fault.deadline, for: .seconds(Self.seconds)) {
          fault.apply(proxy)
        }
        let healed = ContinuousClock.now
        proxy.heal()
        _ = try await patiently {
          try await SlowDatabaseTests.work(
            1, wires, administrator.organization,
            try await administrator.options(timeout: .seconds(2)))
        }
        let first = healed.duration(to: .now)
        var rate = 0
        try await wait("calls are answered as before", within: .seconds(60)) {
          rate = try await run.rate()
          return Double(rate) >= 0.95 * Double(usual)
        }
        let recovery = healed.duration(to: .now)
        Report.say(
          "PostgreSQL, \(fault.name): calls with \(fault.deadline.brief) \(watches.calls); health "
            + "\(watches.health); own turns \(watches.turns); a write succeeds after "
            + "\(first.brief); \(usual) calls a second before, \(rate) within \(recovery.brief)")
        let late = Self.slack + watches.turns.longest * 4
        #expect(watches.calls.longest <= fault.deadline + late, "\(fault.name)")
        #expect(watches.health.count("OK") == watches.health.count, "\(fault.name)")
        #expect(watches.health.count > 0, "\(fault.name)")
        let answered = watches.calls.count("OK")
        // What was on its way when the fault began may have come through.
        #expect(
          fault.reaches ? answered * 10 >= watches.calls.count * 9 : answered <= Run.callers,
          "\(fault.name): \(watches.calls)")
      }
      #expect(try stack.processes() == processes)
      for (name, bytes) in try stack.memory() {
        let growth = bytes - memory[name, default: 0]
        #expect(growth <= Self.growthMax, "\(name) took \(growth >> 20) MiB more")
      }
      await wires.close()
    }
  }

  /// Callers who read and write by turns.
  private struct Run: Sendable {
    static let callers = 8

    let stack: Stack
    let wires: Wires
    let administrator: Administrator

    /// Calls that are answered well in a second.
    func rate() async throws -> Int {
      let calls = Stopwatch()
      let options = try await administrator.options(timeout: .seconds(4))
      await work(calls, options, for: .seconds(1))
      return calls.count("OK")
    }

    private func work(_ calls: Stopwatch, _ options: CallOptions, for length: Duration) async {
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<Self.callers {
          group.addTask {
            await repeatedly(for: length) {
              await calls.time {
                try await SlowDatabaseTests.work(
                  number, wires, administrator.organization, options)
              }
            }
          }
        }
      }
    }

    /// Calls while something is the matter, and beside them what needs no database.
    func during(
      _ deadline: Duration, for length: Duration, _ fault: () -> Void
    ) async throws -> (calls: Stopwatch, health: Stopwatch, turns: Stopwatch) {
      let watches = (calls: Stopwatch(), health: Stopwatch(), turns: Stopwatch())
      let options = try await administrator.options(timeout: deadline)
      fault()
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await work(watches.calls, options, for: length) }
        group.addTask { await watches.turns.observe(for: length) }
        group.addTask {
          await repeatedly(for: length) {
            await watches.health.time {
              try await wires.live()
              _ = try await Console(url: stack.url).call("GET", "/openapi.json")
            }
          }
        }
      }
      return watches
    }
  }

  /// A stack whose services reach their database through a proxy.
  private func withProxiedStack(_ body: (Stack, FaultProxy) async throws -> Void) async throws {
    let stack = try Stack()
    let cluster = stack.directory.appending(path: "postgres").path
    _ = try await Script.run("scripts/postgres.sh", ["start", cluster, "--durable"])
    let host = try await Script.run("scripts/postgres.sh", ["host", cluster])
    let socket = host.trimmingCharacters(in: .whitespacesAndNewlines)
    let proxy = try FaultProxy(to: .unix("\(socket)/.s.PGSQL.5432"))
    defer { proxy.stop() }
    do {
      try await stack.start(
        demo: true,
        environment: [
          "CLIENTELE_DATABASE_CLUSTER": "host=127.0.0.1 port=\(proxy.port) sslmode=disable"
        ])
      try await body(stack, proxy)
    } catch {
      try? await stack.stop()
      _ = try? await Script.run("scripts/postgres.sh", ["stop", cluster])
      throw error
    }
    try await stack.stop()
    _ = try await Script.run("scripts/postgres.sh", ["stop", cluster])
    try FileManager.default.removeItem(at: stack.directory)
  }
}

extension Stack {
  /// Bytes that each process has in memory, by its name.
  nonisolated func memory() throws -> [String: Int] {
    try processes().mapValues { id in
      let text = try String(contentsOfFile: "/proc/\(id)/statm", encoding: .utf8)
      let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      return pages * Int(getpagesize())
    }
  }
}
