import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Synchronization
import TestKit
import Testing

/// A database that hangs, and one whose connections are all taken: calls end in time, what needs no
/// database goes on, and all is well once it is (R9, R10).
@Suite(.serialized, .timeLimit(.minutes(10))) struct SlowDatabaseTests {
  /// How long PostgreSQL is stopped, in seconds.
  static let stopSeconds = Setting.count("CLIENTELE_STOP_SECONDS", 5)
  /// How far beyond its deadline a call may end on a machine that has more to do.
  static let slack = Duration.seconds(1)

  /// Calls, and how long each took.
  private final class Stopwatch: Sendable {
    let times = Mutex<[(Duration, String)]>([])

    func time(_ call: () async throws -> Void) async {
      let start = ContinuousClock.now
      var outcome = "OK"
      do {
        try await call()
      } catch {
        outcome = (error as? RPCError)?.code.name ?? "\(error)"
      }
      let time = start.duration(to: .now)
      times.withLock { $0.append((time, outcome)) }
    }

    var longest: Duration { times.withLock { $0.map(\.0).max() ?? .zero } }
    func count(_ outcome: String) -> Int { times.withLock { $0.count { $0.1 == outcome } } }
    var count: Int { times.withLock { $0.count } }
    var outcomes: [String: Int] {
      times.withLock { Dictionary(grouping: $0, by: \.1).mapValues(\.count) }
    }
  }

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
              // Each counts from its own first turn: on a busy machine that may come late.
              let end = ContinuousClock.now + .seconds(Self.stopSeconds)
              while .now < end {
                await calls.time {
                  try await Self.work(number, wires, administrator.organization, options)
                }
                try? await Task.sleep(for: .milliseconds(20))
              }
            }
          }
          group.addTask {
            // How late this process itself comes to its turns, with all the other tests.
            let end = ContinuousClock.now + .seconds(Self.stopSeconds)
            while .now < end {
              await turns.time { try await Task.sleep(for: .milliseconds(20)) }
            }
          }
          group.addTask {
            let end = ContinuousClock.now + .seconds(Self.stopSeconds)
            while .now < end {
              await health.time { try await Self.live(wires) }
              try? await Task.sleep(for: .milliseconds(50))
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
      print(
        "PostgreSQL stopped for \(Self.stopSeconds) s: \(calls.outcomes), longest "
          + "\(calls.longest) of a deadline of 1 s; health \(health.outcomes), longest "
          + "\(health.longest); well again after \(recovery)")
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
  private static func work(
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

  /// Asks every service whether it is there; the answer needs no database.
  private static func live(_ wires: Wires) async throws {
    for channel in wires.channels.values {
      _ = try await channel.unary(
        path: "/grpc.health.v1.Health/Check", request: [],
        options: CallOptions(timeout: .seconds(1)))
    }
  }

  @Test("locks hold all connections of identity: sessions are checked all the same")
  func exhausted() async throws {
    try await withStack(environment: [
      "CLIENTELE_POOL": "4", "CLIENTELE_POOL_WAITERS": "8",
    ]) { stack in
      let wires = try Wires(stack, as: "operator")
      let administrator = try await Administrator(wires, as: "admin@demo.example")
      let writes = Stopwatch()
      let checks = Stopwatch()
      let others = Stopwatch()
      try await stack.withLock(on: "identity.accounts", in: "share row exclusive") {
        await withTaskGroup(of: Void.self) { group in
          for number in 0..<60 {
            group.addTask {
              await writes.time {
                _ = try await wires.identity.createPendingAccount(
                  CreatePendingAccountRequest(
                    requestID: UUID().uuidString, organizationID: administrator.organization,
                    givenName: "Nora", familyName: "Locked\(number)", language: "en"),
                  options: CallOptions(timeout: .seconds(3)))
              }
            }
          }
          for _ in 0..<100 {
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
      print(
        "all connections held: writes \(writes.outcomes), longest \(writes.longest); session "
          + "checks \(checks.outcomes), longest \(checks.longest); another service "
          + "\(others.outcomes), longest \(others.longest)")
      #expect(writes.count("RESOURCE_EXHAUSTED") > 0)
      #expect(writes.count("OK") == 0)
      #expect(writes.longest <= .seconds(3) + Self.slack)
      #expect(checks.count("OK") == checks.count)
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
