import Foundation
import TestKit
import Testing

/// Processes are killed while organisations work: nothing that was acknowledged is lost, and
/// nothing happens twice (R3, R4, R6).
@Suite(.serialized, .timeLimit(.minutes(120))) struct KillTests {
  /// How often a process of each service is killed.
  static let kills = Setting.count("CLIENTELE_KILLS", 5)
  /// How often PostgreSQL as a whole, and one of its backends.
  static let postmasterKills = Setting.count("CLIENTELE_POSTMASTER_KILLS", 3)
  static let backendKills = Setting.count("CLIENTELE_BACKEND_KILLS", 10)

  /// How long a machine with more to do may take to bring a process back.
  static let backWithin = Duration.seconds(30)
  /// From a process's exec until it serves.
  static let readyWithin = Setting.bound(Duration.seconds(1), orElse: .seconds(20)).patient
  /// Calls of other services that may fail while a process is away, of a thousand.
  static let errorsMax = Setting.bound(1, orElse: 10)
  /// From when PostgreSQL takes connections until a call is answered well.
  static let answeredWithin = Setting.bound(Duration.seconds(2), orElse: .seconds(20)).patient
  /// How far beyond its deadline a caller may hear of the end of a call.
  static let slack = Setting.bound(Duration.milliseconds(500), orElse: .seconds(2)).patient

  private static let environment = [
    "CLIENTELE_RESEND_INTERVAL_SECONDS": "0",
    "CLIENTELE_CRASH_AT": "client-directory.create-client.after-commit",
  ]

  @Test("kill -9 of every service, again and again; others hardly notice")
  func services() async throws {
    try await withKillStack(mailLeaseSeconds: 2) { stack, workload, marker in
      var kills: [Stack.Kill] = []
      let bystanders = try await Bystanders(stack)
      try await bystanders.during {
        try await workload.during {
          for number in 0..<Self.kills {
            for service in DevNames.services + ["gateway"] {
              let process = service != "gateway" && number % 2 == 1 ? "\(service)-2" : service
              let before = try stack.processes()
              let kill = try await stack.crash(process: process, within: Self.backWithin)
              let after = try stack.processes()
              #expect(before.filter { $0.key != process } == after.filter { $0.key != process })
              kills.append(kill)
              try await workload.answered(10)
            }
            try await Self.crashAfterCommit(stack, marker)
          }
        }
      }
      Self.check(kills, bystanders)
      try await workload.settle(stack, "kills of services")
      try await workload.plantInAuditLog(stack)
    }
  }

  /// Committed, and dead before anybody is told.
  private static func crashAfterCommit(_ stack: Stack, _ marker: URL) async throws {
    let old = try stack.processes()
    try FileManager.default.removeItem(at: marker)
    try await wait("somebody dies after a commit", within: backWithin) {
      FileManager.default.fileExists(atPath: marker.path)
    }
    try await wait("all are back", within: backWithin) {
      let new = try stack.processes()
      return new.count == old.count && new != old && new.keys.allSatisfy { stack.isReady($0) }
    }
  }

  private static func check(_ kills: [Stack.Kill], _ bystanders: Bystanders) {
    let ready = Stopwatch.Times(kills.map(\.readyAfterExec))
    let away = Stopwatch.Times(kills.map { $0.start.duration(to: $0.end) })
    let calls = bystanders.beside(kills)
    let errors = calls.filter { $0.error != nil }
    Report.say(
      "\(kills.count) kills of services: serving after exec \(ready); away \(away); meanwhile "
        + "\(calls.count) calls of other services, \(errors.count) failed")
    #expect(ready.longest <= readyWithin)
    #expect(calls.count >= 10 * kills.count)
    #expect(errors.count * 1_000 <= errorsMax * calls.count, "\(errors.prefix(5))")
  }

  @Test("kill -9 of PostgreSQL and of its backends; no service restarts")
  func database() async throws {
    // No worker dies: a lease that outlasts the outages, so that no mail is taken for one that kills.
    try await withKillStack(mailLeaseSeconds: 10) { stack, workload, _ in
      let before = try stack.processes()
      var outages: [Outage] = []
      try await workload.during {
        for number in 0..<max(Self.postmasterKills, Self.backendKills) {
          if number < Self.backendKills {
            outages.append(try await Outage(stack, by: stack.crashBackend))
            try await workload.answered(10)
          }
          if number < Self.postmasterKills {
            outages.append(try await Outage(stack, by: stack.crashDatabase))
            try await workload.answered(10)
          }
        }
      }
      #expect(try stack.processes() == before)
      try await workload.settle(stack, "kills of PostgreSQL")
      Self.check(outages, workload.log.entries)
    }
  }

  /// A time without PostgreSQL.
  private struct Outage {
    let start = ContinuousClock.now
    /// When it took connections again.
    let accepting: ContinuousClock.Instant

    init(_ stack: Stack, by kill: () async throws -> Void) async throws {
      try await kill()
      accepting = try stack.accepting()
      #expect(accepting > start)
    }

    /// From when it took connections until a call was answered well.
    func recovery(_ entries: [OpLog.Entry]) -> Duration? {
      entries.first { $0.outcome.isAnswer && $0.end > accepting }
        .map { accepting.duration(to: $0.end) }
    }
  }

  private static func check(_ outages: [Outage], _ entries: [OpLog.Entry]) {
    let recoveries = outages.compactMap { $0.recovery(entries) }
    let doubts = entries.compactMap { entry -> String? in
      if case .inDoubt(let words) = entry.outcome { words } else { nil }
    }
    let words = Dictionary(grouping: doubts) { $0.prefix { $0 != ":" } }
      .sorted { $0.key < $1.key }.map { "\($0.value.count) \($0.key)" }
    Report.say(
      "\(outages.count) kills of PostgreSQL: answered well after it takes connections "
        + "\(Stopwatch.Times(recoveries)); without an answer: \(words.joined(separator: ", "))")
    #expect(recoveries.count == outages.count)
    #expect(Stopwatch.Times(recoveries).longest <= answeredWithin)
    #expect(!doubts.isEmpty)
    // Callers are told that nobody knows, and nothing else.
    let unexpected = doubts.filter { words in
      !["UNAVAILABLE", "DEADLINE_EXCEEDED", "503", "504"].contains { words.hasPrefix($0) }
        && !words.contains("timed out")
    }
    #expect(unexpected == [])
    let late = entries.filter {
      // The gateway's callers have a patience of their own.
      $0.start.duration(to: $0.end) > Workload.deadline + slack
        && !"\($0.outcome)".contains("timed out")
    }
    #expect(late.isEmpty, "\(late.prefix(5))")
  }

  private func withKillStack(
    mailLeaseSeconds: Int, _ body: (Stack, Workload, URL) async throws -> Void
  ) async throws {
    let stack = try Stack()
    do {
      let marker = stack.directory.appending(path: "crashed")
      try FileManager.default.createDirectory(
        at: stack.directory, withIntermediateDirectories: true)
      try Data().write(to: marker)
      let own = [
        "CLIENTELE_CRASH_MARKER": marker.path,
        "CLIENTELE_MAIL_LEASE_SECONDS": "\(mailLeaseSeconds)",
      ]
      try await stack.start(demo: true, environment: Self.environment.merging(own) { $1 })
      let workload = try await Workload(stack)
      try await body(stack, workload, marker)
      await workload.close()
    } catch {
      try? await stack.stop()
      throw error
    }
    try await stack.remove()
  }
}
