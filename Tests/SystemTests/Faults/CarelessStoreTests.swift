import Foundation
import Postgres
import TestKit
import Testing

/// What the checkers of histories are worth: stores on a real PostgreSQL that do what nobody should
/// are found out, and one that does it right is not (R6).
@Suite struct CarelessStoreTests {
  /// How a store goes about it.
  enum Manner: Sendable, CaseIterable {
    /// Writes under the version that was read.
    case careful
    /// Reads, then writes whatever is there by now: READ COMMITTED keeps nobody from it.
    case careless
  }

  struct Register: PostgresRow, Hashable {
    let marks: String
    let version: Int

    init(from columns: inout ColumnReader) throws(PostgresError) {
      marks = try columns.next()
      version = try columns.next()
    }
  }

  private struct Store: Sendable {
    let database: Database
    let manner: Manner
    let log = ListLog()

    private static let look = Statement<Register>("select marks, version from registers")
    private static let write = Statement<Int>(
      """
      update registers set marks = $1, version = version + 1
      where $2 = 0 or version = $2 returning version
      """)

    func look() async throws -> Register {
      let start = ContinuousClock.now
      let seen = try #require(try await database.run(.none, Self.look()).first)
      note(seen, from: start)
      return seen
    }

    func note(_ seen: Register, from start: ContinuousClock.Instant) {
      log.note(
        ListLog.Read(list: "l", marks: seen.marks.marks, start: start, end: .now))
    }

    func append(_ mark: String, to seen: Register) async throws {
      let start = ContinuousClock.now
      let marks = (seen.marks.marks + [mark]).joined(separator: ",")
      let version = manner == .careful ? seen.version : 0
      let done = try await database.run(.none, Self.write(marks, version))
      log.note(
        ListLog.Append(
          list: "l", mark: mark, start: start, end: .now,
          outcome: done.isEmpty ? .refused("stale") : .ok("\(done[0])")))
    }

    func report() async throws -> ListReport {
      let last = try #require(try await database.run(.none, Self.look()).first)
      return log.report(final: ["l": last.marks.marks])
    }
  }

  private func withStore(_ manner: Manner, _ body: (Store) async throws -> Void) async throws {
    try await withDatabase("organization") { database in
      try await database.sql(
        """
        create table organization.registers (marks text not null, version bigint not null);
        insert into organization.registers values ('', 1);
        create table organization.places (place text not null, holds boolean not null);
        insert into organization.places values ('a', true), ('b', false);
        grant select, update on organization.registers, organization.places to organization
        """)
      try await body(Store(database: try database.database(), manner: manner))
    }
  }

  @Test("two read, then both write", arguments: Manner.allCases)
  func lostUpdates(manner: Manner) async throws {
    try await withStore(manner) { store in
      for round in 1...10 {
        let (one, other) = (try await store.look(), try await store.look())
        try await store.append("\(round)a", to: one)
        try await store.append("\(round)b", to: other)
      }
      let report = try await store.report()
      #expect(report.acknowledged == (manner == .careful ? 10 : 20))
      #expect(report.refused == (manner == .careful ? 10 : 0))
      #expect(report.lostUpdates.count == (manner == .careful ? 0 : 10))
      if manner == .careful { #expect(report.violations == []) }
    }
  }

  @Test("many at once under the version they read lose nothing")
  func crowd() async throws {
    try await withStore(.careful) { store in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<8 {
          group.addTask {
            for number in 0..<25 {
              try await store.append("\(worker)-\(number)", to: try await store.look())
            }
          }
        }
        try await group.waitForAll()
      }
      let report = try await store.report()
      #expect(report.violations == [])
      #expect(report.acknowledged + report.refused == 200 && report.reads == 200)
    }
  }

  @Test("a cache that is not told")
  func staleReads() async throws {
    try await withStore(.careful) { store in
      let cached = try await store.look()
      try await store.append("1", to: cached)
      store.note(cached, from: .now)
      let report = try await store.report()
      #expect(report.violations == ["stale read: 1 in l"])
    }
  }

  @Test("a token that is taken up in one transaction and put down in another")
  func tornTokens() async throws {
    let take = Statement<NoRow>("update places set holds = false where holds")
    let put = Statement<NoRow>("update places set holds = true where place = $1")
    let holders = Statement<String>("select place from places where holds")
    try await withStore(.careless) { store in
      let log = TokenLog()
      func look() async throws {
        let start = ContinuousClock.now
        let seen = try await store.database.run(.none, holders())
        log.note(TokenLog.Read(token: "t", holders: seen, start: start, end: .now))
      }
      func move(to place: String, _ body: () async throws -> Void) async throws {
        let start = ContinuousClock.now
        try await body()
        log.note(
          TokenLog.Move(token: "t", place: place, start: start, end: .now, outcome: .ok("")))
      }
      try await move(to: "b") {
        try await store.database.run(.none, all: [AnyQuery(take()), AnyQuery(put("b"))])
      }
      try await look()
      #expect(log.report().violations == [])
      try await move(to: "a") {
        try await store.database.run(.none, all: [AnyQuery(take())])
        try await look()
        try await store.database.run(.none, all: [AnyQuery(put("a"))])
      }
      try await look()
      #expect(log.report().violations == ["torn: t at []"])
    }
  }
}

extension String {
  /// The marks of a list.
  fileprivate var marks: [String] { split(separator: ",").map(String.init) }
}
