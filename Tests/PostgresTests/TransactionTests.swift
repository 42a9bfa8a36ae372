import FoundationEssentials
import Postgres
import TestKit
import Testing

@Suite struct TransactionTests {
  struct Mine: Error {}

  @Test("what a transaction did is kept together and its connection comes back")
  func commits() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let organization = UUID()
      for round in 1...3 {
        let seen = try await pool.transaction(.organization(organization)) { transaction in
          try await transaction.run(
            Sample.insertNote(organization, UUID(), "a"),
            Sample.insertNote(organization, UUID(), "b"))
          return try await transaction.run(Sample.bodies()).count
        }
        #expect(seen == round * 2)
      }
      #expect(try await pool.run(.none, Sample.bodies()) == [])
      try await eventually { await pool.statistics().connectionsReserved == 0 }
    }
  }

  @Test("what the body throws undoes everything")
  func throwing() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let organization = UUID()
      await #expect(throws: Mine.self) {
        try await pool.transaction(.organization(organization)) { transaction in
          try await transaction.run(Sample.insertNote(organization, UUID(), "a"))
          throw Mine()
        }
      }
      #expect(try await database.count("notes") == 0)
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("a refusal that the body swallows still undoes everything")
  func swallowed() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      await #expect(throws: PostgresError.self) {
        try await pool.transaction(.none) { transaction in
          try await transaction.run(Sample.insertParent(1))
          _ = try? await transaction.run(Sample.insertParent(1))
        }
      }
      #expect(try await database.count("parents") == 0)
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("a constraint that is checked at the commit refuses there")
  func deferredConstraint() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let error = await #expect(throws: PostgresError.self) {
        try await pool.transaction(.none) { try await $0.run(Sample.insertChild(5)) }
      }
      #expect(error?.constraint == "children_parent_fkey")
    }
  }

  @Test("a serialization failure is tried again, three times in all", arguments: [1, 2, 3])
  func retries(failures: Int) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      if failures < 3 {
        let answer = try await pool.transaction(.none) { transaction in
          try await transaction.run(Sample.failTimes(failures))
        }
        #expect(answer == [failures + 1])
      } else {
        let error = await #expect(throws: PostgresError.self) {
          try await pool.transaction(.none) { try await $0.run(Sample.failTimes(failures)) }
        }
        #expect(error?.sqlState == "40001")
      }
    }
  }

  @Test("two that block each other both get through")
  func deadlock() async throws {
    try await Sample.withDatabase { database in
      try await database.sql("insert into sample.counters values (1, 0), (2, 0)")
      let pool = try database.database()
      let raise = Statement<NoRow>("update counters set value = value + 1 where counter_id = $1")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for order in [[1, 2], [2, 1]] {
          group.addTask {
            try await pool.transaction(.none, deadline: .now + .seconds(30)) { transaction in
              for id in order {
                // The role's lock_timeout is shorter than deadlock detection may need here.
                try await transaction.run(Statement<NoRow>("set local lock_timeout = '20s'")())
                try await transaction.run(raise(id))
                // Both hold one before either asks for the other, as far as that can be had.
                try await transaction.run(Sample.sleep(0.1))
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await database.sql("select sum(value) from sample.counters") == [["4"]])
    }
  }

  @Test("a backend killed before the commit leaves nothing, and says so")
  func killed() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let error = await #expect(throws: PostgresError.self) {
        try await pool.transaction(.none) { transaction in
          try await transaction.run(Sample.insertParent(1))
          let rows: [Int32Row] = try await transaction.run(Sample.backend())
          let pid = rows.first?.value ?? 0
          try await database.sql("select pg_terminate_backend(\(pid))")
          try await transaction.run(Sample.insertParent(2))
        }
      }
      guard case .unavailable = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(try await database.count("parents") == 0)
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("a backend killed in the commit leaves the outcome unknown")
  func killedInCommit() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let task = Task {
        try await pool.transaction(.none) { try await $0.run(Sample.insertSlow(60)) }
      }
      try await database.kill(running: "commit")
      await #expect(throws: PostgresError.unknownOutcome) { try await task.value }
    }
  }

  @Test("a task that is cancelled inside undoes everything and gives the connection back")
  func cancelled() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let (inside, arrived) = AsyncStream<Void>.makeStream()
      let task = Task {
        try await pool.transaction(.none) { transaction in
          try await transaction.run(Sample.insertParent(1))
          arrived.yield()
          try await Task.sleep(for: .seconds(60))
        }
      }
      for await _ in inside { break }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(try await pool.run(.none, Sample.one()) == [1])
      #expect(try await database.count("parents") == 0)
    }
  }
}
