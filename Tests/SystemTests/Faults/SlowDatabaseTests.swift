import ClientDirectoryAPI
import CommonAPI
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
  /// How far beyond its deadline a call may end on a machine that has more to do.
  static let slack = Duration.seconds(1)

  @Test("PostgreSQL stands still, and goes on")
  func stopped() async throws {
    try await withStack { stack in
      let wires = try Wires(stack)
      let administrator = try await Administrator(wires, as: "admin@demo.example")
      let options = try await administrator.options(timeout: .seconds(1))
      let before = try stack.processes()
      let calls = Stopwatch()
      let health = Stopwatch()
      let turns = Stopwatch()
      try await stack.withStoppedDatabase {
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<8 {
            group.addTask {
              await repeatedly(for: .seconds(Self.stopSeconds)) {
                await calls.time {
                  try await Self.work(number, wires, administrator.organization, options)
                }
              }
            }
          }
          group.addTask { await turns.observe(for: .seconds(Self.stopSeconds)) }
          group.addTask {
            await repeatedly(for: .seconds(Self.stopSeconds)) {
              await health.time { try await wires.live() }
            }
          }
        }
      }
      let healed = ContinuousClock.now
      _ = try await patiently {
        try await wires.directory.listClients(
          ListClientsRequest(organizationID: administrator.organization),
          options: try await administrator.options(timeout: .seconds(2)))
      }
      let recovery = healed.duration(to: .now)
      Report.say(
        "PostgreSQL stopped for \(Self.stopSeconds) s: calls with 1 s \(calls); health \(health); "
          + "own turns \(turns); well again after \(recovery)")
      // A call comes to its turn here several times.
      #expect(calls.longest <= .seconds(1) + Self.slack + turns.longest * 4)
      #expect(calls.count("OK") < calls.count)
      #expect(health.count("OK") == health.count)
      #expect(health.count > 0)
      #expect(recovery < .seconds(10))
      #expect(try stack.processes() == before)
      await wires.close()
    }
  }

  /// Reads, or writes, by turns.
  static func work(
    _ number: Int, _ wires: Wires, _ organization: String, _ options: CallOptions
  ) async throws {
    if number % 2 == 0 {
      _ = try await wires.directory.listClients(
        ListClientsRequest(organizationID: organization), options: options)
    } else {
      _ = try await wires.directory.createClient(
        CreateClientRequest(
          requestID: UUID().uuidString, organizationID: organization, noEmailConfirmed: true,
          givenName: "Nora", familyName: "Slow"),
        options: options)
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
      #expect(writes.longest <= .seconds(3) + Self.slack)
      // They wait for a connection for 100 ms at most.
      #expect(refusals.median <= .milliseconds(100) + Self.slack / 4 + turns.median * 4)
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
