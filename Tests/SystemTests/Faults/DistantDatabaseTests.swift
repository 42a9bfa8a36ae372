import Foundation
import TestKit
import Testing

/// A network between the services and PostgreSQL that slows down, swallows, or cuts what passes:
/// calls end in time, nothing piles up, and all is well once it is (R9, R7 on that link).
@Suite(.serialized, .timeLimit(.minutes(20))) struct DistantDatabaseTests {
  /// How long each fault lasts, in seconds.
  static let seconds = Setting.count("CLIENTELE_FAULT_SECONDS", 4)
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
      let callers = Callers(stack: stack, wires: wires, administrator: administrator)
      let processes = try stack.processes()
      let usual = try await callers.usualPace()
      let memory = try stack.memory()
      for fault in Self.faults {
        let watches = try await callers.during(fault.deadline, for: .seconds(Self.seconds)) {
          fault.apply(proxy)
        }
        let healed = ContinuousClock.now
        proxy.heal()
        let recovery = try await callers.recovery(to: usual, since: healed)
        Report.say(
          "PostgreSQL, \(fault.name): calls with \(fault.deadline.brief) \(watches.calls); health "
            + "\(watches.health); own turns \(watches.turns); event loops \(watches.loops); "
            + "\(usual) calls a second before, 95 % of it from \(recovery.brief) after on")
        #expect(watches.calls.longest <= fault.deadline + watches.late, "\(fault.name)")
        watches.expectCalm(fault.name)
        let answered = watches.calls.count("OK")
        // What was on its way when the fault began may have come through.
        #expect(
          fault.reaches
            ? answered * 10 >= watches.calls.count * 9 : answered <= Callers.onTheirWay,
          "\(fault.name): \(watches.calls)")
        #expect(recovery <= SlowTargets.recovery, "\(fault.name)")
      }
      #expect(try stack.processes() == processes)
      #expect(try stack.growth(since: memory).excesses == [])
      await wires.close()
    }
  }

  /// A stack whose services reach their database through a proxy.
  private func withProxiedStack(_ body: (Stack, FaultProxy) async throws -> Void) async throws {
    let stack = try Stack(adminPorts: true)
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
