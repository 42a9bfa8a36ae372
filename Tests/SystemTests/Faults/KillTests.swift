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
  /// How far beyond its deadline a caller on such a machine may hear of the end of a call.
  static let slack = Duration.seconds(2)

  private static let environment = [
    "CLIENTELE_MAIL_LEASE_SECONDS": "2", "CLIENTELE_RESEND_INTERVAL_SECONDS": "0",
    "CLIENTELE_CRASH_AT": "client-directory.create-client.after-commit",
  ]

  @Test("kill -9 of every service, again and again")
  func services() async throws {
    try await withKillStack { stack, workload, marker in
      var times: [Duration] = []
      try await workload.during {
        for number in 0..<Self.kills {
          for service in DevNames.services + ["gateway"] {
            let process = service != "gateway" && number % 2 == 1 ? "\(service)-2" : service
            times.append(try await stack.crash(process: process, within: Self.backWithin))
            try await workload.answered(10)
          }
          // Committed, and dead before anybody is told.
          let old = try stack.processes()
          try FileManager.default.removeItem(at: marker)
          try await wait("somebody dies after a commit", within: Self.backWithin) {
            FileManager.default.fileExists(atPath: marker.path)
          }
          try await wait("all are back", within: Self.backWithin) {
            let new = try stack.processes()
            return new.count == old.count && new != old
              && new.keys.allSatisfy { stack.isReady($0) }
          }
        }
      }
      times.sort()
      Report.say(
        "\(times.count) kills of services: ready again after \(times[times.count / 2].brief), "
          + "at most \((times.last ?? .zero).brief)")
      try await workload.settle(stack, "kills of services")
      try await workload.plantInAuditLog(stack)
    }
  }

  @Test("kill -9 of PostgreSQL and of its backends; no service restarts")
  func database() async throws {
    try await withKillStack { stack, workload, _ in
      let before = try stack.processes()
      try await workload.during {
        for number in 0..<max(Self.postmasterKills, Self.backendKills) {
          if number < Self.backendKills {
            try await stack.crashBackend()
            try await workload.answered(10)
          }
          if number < Self.postmasterKills {
            try await stack.crashDatabase()
            try await workload.answered(10)
          }
        }
      }
      #expect(try stack.processes() == before)
      try await workload.settle(stack, "kills of PostgreSQL")
      let late = workload.log.entries.filter {
        // The gateway's callers have a patience of their own.
        $0.start.duration(to: $0.end) > Workload.deadline + Self.slack
          && !"\($0.outcome)".contains("timed out")
      }
      #expect(late.isEmpty, "\(late.prefix(5))")
    }
  }

  private func withKillStack(
    _ body: (Stack, Workload, URL) async throws -> Void
  ) async throws {
    let stack = try Stack()
    do {
      let marker = stack.directory.appending(path: "crashed")
      try FileManager.default.createDirectory(
        at: stack.directory, withIntermediateDirectories: true)
      try Data().write(to: marker)
      try await stack.start(
        demo: true,
        environment: Self.environment.merging(["CLIENTELE_CRASH_MARKER": marker.path]) { $1 })
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
