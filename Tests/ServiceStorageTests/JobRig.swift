import Foundation
import Logging
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ServiceStorage

/// A service's jobs on a database of their own, with a table that counts effects.
struct JobRig: Sendable {
  let database: TestDatabase
  /// The service's role.
  let service: Database
  let worker: Database

  static let organization = UUID(uuid: (1, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1))
  static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  /// The effect of a job, once more.
  static let effect = Statement<NoRow>("insert into effects (job_id) values ($1)")

  static func with(_ body: (JobRig) async throws -> Void) async throws {
    try await withDatabase("organization") { database in
      try await database.sql(
        """
        create table organization.effects (job_id uuid not null);
        grant select, insert on organization.effects to organization_worker
        """)
      try await body(
        JobRig(
          database: database, service: try database.database(),
          worker: try database.database(role: "organization_worker")))
    }
  }

  /// A queue whose leases and pauses fit a test.
  static func queue(
    _ name: String, _ change: (inout JobQueue) -> Void = { _ in }
  ) -> JobQueue {
    JobQueue(name) {
      $0.lease = .seconds(1)
      $0.heartbeat = .milliseconds(300)
      $0.firstPause = .milliseconds(10)
      $0.longestPause = .milliseconds(50)
      change(&$0)
    }
  }

  func office(
    _ handlers: [JobHandler], schedules: [Schedule] = [], clock: ServiceClock = .system,
    worker: Database? = nil
  ) -> JobOffice {
    JobOffice(
      worker: worker ?? self.worker, schema: "organization", logger: Self.quiet, clock: clock,
      handlers: handlers, schedules: schedules)
  }

  @discardableResult
  func enqueue<Payload>(
    _ kind: JobKind<Payload>, _ payload: Payload, id: UUID = UUIDv7.make(), key: String? = nil,
    runAt: Date? = nil
  ) async throws -> UUID {
    try await service.run(
      .organization(Self.organization),
      try Jobs.enqueue(
        kind, id: id, organization: Self.organization, payload, key: key, runAt: runAt))
    return id
  }

  /// Has offices at work until something is true.
  func work(
    _ offices: [JobOffice], until condition: @escaping @Sendable () async throws -> Bool
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for office in offices { group.addTask { await office.run() } }
      group.addTask { try await Self.wait(until: condition) }
      for _ in 0...offices.count {
        try await group.next()
        group.cancelAll()
      }
    }
  }

  static func wait(until condition: () async throws -> Bool) async throws {
    let limit = ContinuousClock.now + .seconds(90)
    while try await !condition() {
      try #require(.now < limit, "waited in vain")
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// One cell.
  func one(_ sql: String) async throws -> String {
    (try await database.sql(sql).first?.first).flatMap { $0 } ?? ""
  }
}

/// Counts by name.
final class Tally: Sendable {
  private let counts = Mutex<[String: Int]>([:])

  @discardableResult
  func add(_ name: String, _ count: Int = 1) -> Int {
    counts.withLock { counts in
      counts[name, default: 0] += count
      return counts[name, default: 0]
    }
  }

  func raise(_ name: String, to count: Int) {
    counts.withLock { $0[name] = max($0[name, default: 0], count) }
  }

  subscript(_ name: String) -> Int { counts.withLock { $0[name, default: 0] } }
}
