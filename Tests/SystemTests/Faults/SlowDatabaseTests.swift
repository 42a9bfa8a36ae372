import ClientDirectoryAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

/// A database that hangs, and one whose connections are all taken: calls end in time, what needs no
/// database goes on, and all is well once it is (R9, R10).
@Suite(.serialized, .timeLimit(.minutes(10))) struct SlowDatabaseTests {
  /// How long PostgreSQL is stopped, in seconds.
  static let stopSeconds = Setting.count("CLIENTELE_STOP_SECONDS", 5)

  @Test("PostgreSQL stands still, and goes on")
  func stopped() async throws {
    try await withStack(adminPorts: true) { stack in
      let wires = try Wires(stack)
      let administrator = try await Administrator(wires, as: "admin@demo.example")
      let callers = Callers(stack: stack, wires: wires, administrator: administrator)
      let usual = try await callers.usualPace()
      let before = try stack.processes()
      let memory = try stack.memory()
      let watches = try await stack.withStoppedDatabase {
        try await callers.during(.seconds(1), for: .seconds(Self.stopSeconds))
      }
      let healed = ContinuousClock.now
      let growth = try stack.growth(since: memory)
      let recovery = try await callers.recovery(to: usual, since: healed)
      Report.say(
        "PostgreSQL stopped for \(Self.stopSeconds) s: calls with 1 s \(watches.calls); health "
          + "\(watches.health); own turns \(watches.turns); event loops \(watches.loops); memory "
          + "grew by \(growth.most >> 20) MiB at most; \(usual) calls a second before, 95 % of it "
          + "from \(recovery.brief) after on")
      #expect(watches.calls.longest <= .seconds(1) + watches.late)
      #expect(watches.calls.count("OK") < watches.calls.count)
      watches.expectCalm()
      #expect(growth.excesses == [])
      #expect(recovery <= SlowTargets.recovery)
      #expect(try stack.processes() == before)
      await wires.close()
    }
  }

  @Test("locks hold all connections of identity: sessions are checked all the same")
  func exhausted() async throws {
    try await withStack(environment: [
      "CLIENTELE_POOL": "4", "CLIENTELE_POOL_WAITERS": "8",
    ]) { stack in
      let wires = try Wires(stack, as: "operator")
      let administrator = try await Administrator(wires, as: "admin@demo.example")
      let writes = Stopwatch(), checks = Stopwatch(), others = Stopwatch(), turns = Stopwatch()
      try await stack.withLock(on: "identity.accounts", in: "share row exclusive") {
        await withTaskGroup(of: Void.self) { group in
          // As soon as one has given up its connection, the next takes it and waits for the lock.
          for number in 0..<40 {
            group.addTask {
              await repeatedly(for: .seconds(Self.stopSeconds)) {
                await writes.time {
                  _ = try await wires.identity.createPendingAccount(
                    CreatePendingAccountRequest(
                      requestID: UUID().uuidString, organizationID: administrator.organization,
                      givenName: "Nora", familyName: "Locked\(number)", language: "en"),
                    options: CallOptions(timeout: .seconds(3)))
                }
              }
            }
          }
          group.addTask { await turns.observe(for: .seconds(Self.stopSeconds)) }
          await repeatedly(for: .seconds(Self.stopSeconds)) {
            await checks.time {
              _ = try await wires.identity.introspectSession(
                IntrospectSessionRequest(sessionToken: administrator.session),
                options: CallOptions(timeout: .seconds(3)))
            }
            await others.time {
              _ = try await wires.directory.listClients(
                ListClientsRequest(organizationID: administrator.organization),
                options: try await administrator.options(timeout: .seconds(3)))
            }
          }
        }
      }
      let refusals = writes.times(of: "RESOURCE_EXHAUSTED")
      Report.say(
        "all connections held for \(Self.stopSeconds) s: writes \(writes), refusals \(refusals); "
          + "session checks \(checks); another service \(others); own turns \(turns)")
      #expect(refusals.count > 0)
      #expect(writes.count("OK") == 0)
      #expect(writes.longest <= .seconds(3) + SlowTargets.slack + turns.longest * 4)
      // They wait for a connection for 100 ms at most.
      let share = SlowTargets.refusalShare
      #expect(
        refusals.at(share)
          <= .milliseconds(100) + SlowTargets.slack / 4 + turns.all.at(share) * 4)
      #expect(checks.count >= 10 && checks.count("OK") == checks.count)
      #expect(others.count("OK") == others.count)
      await wires.close()
    }
  }
}

extension Stack {
  /// Holds a lock that no writer gets past for as long as the body runs.
  nonisolated func withLock(
    on table: String, in mode: String, _ body: () async throws -> Void
  ) async throws {
    let name = "hog-\(UUID().uuidString.prefix(8))"
    async let held = sql(
      """
      set application_name = '\(name)'; begin; lock table \(table) in \(mode) mode;
      select pg_sleep(120); commit
      """)
    try await wait("the lock on \(table) is held", within: .seconds(30)) {
      try await sql(
        """
        select 1 from pg_stat_activity
        where application_name = '\(name)' and wait_event = 'PgSleep'
        """) == ["1"]
    }
    try await body()
    _ = try await sql(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '\(name)'")
    _ = try? await held
  }
}
