import FoundationEssentials
import Postgres
import TestKit
import Testing

@Suite struct FailureTests {
  @Test("a deadline cancels the statement and leaves the connection usable")
  func deadline() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let before = try await pool.run(.none, Sample.backend())
      for query in [Sample.sleep(60), Sample.sleepWriting(60)] {
        let started = ContinuousClock.now
        await #expect(throws: PostgresError.deadlineExceeded) {
          try await pool.run(.none, deadline: .now + .milliseconds(100), query)
        }
        #expect(ContinuousClock.now - started < .seconds(10))
      }
      #expect(try await pool.run(.none, Sample.backend()) == before)
    }
  }

  @Test("a deadline in the past sends nothing")
  func pastDeadline() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let organization = UUID()
      await #expect(throws: PostgresError.deadlineExceeded) {
        try await pool.run(
          .organization(organization), deadline: .now - .seconds(1),
          Sample.insertNote(organization, UUID(), "late"))
      }
      #expect(try await database.count("notes") == 0)
    }
  }

  @Test("a killed backend leaves a write's outcome unknown and a read's unavailable")
  func killedBackend() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let write = Task { try await pool.run(.none, Sample.sleepWriting(60)) }
      try await database.kill(running: "%pg_sleep%")
      await #expect(throws: PostgresError.unknownOutcome) { try await write.value }
      let read = Task { try await pool.run(.none, Sample.sleep(60)) }
      try await database.kill(running: "%pg_sleep%")
      let error = await #expect(throws: PostgresError.self) { try await read.value }
      guard case .unavailable = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("a backend killed between a statement's success and its Sync leaves the outcome unknown")
  func killedInCommit() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let write = Task { try await pool.run(.none, Sample.insertSlow(60)) }
      try await database.kill(running: "%slow_commits%")
      await #expect(throws: PostgresError.unknownOutcome) { try await write.value }
    }
  }

  @Test("the next caller in line is refused when the line is full")
  func boundedQueue() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connectionsMax = 1
        $0.waitersMax = 2
      }
      let sleeper = Task { try await pool.run(.none, Sample.sleepWriting(Double(Patience.factor))) }
      try await database.waitUntil(running: "%pg_sleep%")
      let waiting = (0..<2).map { _ in Task { try await pool.run(.none, Sample.one()) } }
      try await eventually { await pool.statistics().callsWaiting == 2 }
      await #expect(throws: PostgresError.queueFull) { try await pool.run(.none, Sample.one()) }
      for task in waiting { #expect(try await task.value == [1]) }
      _ = try await sleeper.value
    }
  }

  @Test("a call waits for a connection no longer than it may")
  func boundedWait() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connectionsMax = 1
        $0.queueWait = .milliseconds(50)
      }
      // Connecting may take longer than that wait on a busy machine.
      try await eventually { pool.isAvailable }
      let sleeper = Task { try await pool.run(.none, Sample.sleepWriting(5)) }
      try await database.waitUntil(running: "%pg_sleep%")
      await #expect(throws: PostgresError.queueFull) { try await pool.run(.none, Sample.one()) }
      _ = try await sleeper.value
    }
  }

  @Test("a plan that a migration outdated is made anew without the caller's knowing")
  func stalePlan() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let all = Statement<Int>("select * from parents")
      try await pool.run(.none, Sample.insertParent(3))
      for _ in 0..<3 { #expect(try await pool.run(.none, all()) == [3]) }
      try await database.sql("alter table sample.parents add column note text")
      #expect(try await pool.run(.none, all(), Sample.one()).0 == [3])
      try await database.sql("alter table sample.parents drop column note")
      #expect(try await pool.run(.none, all()) == [3])
      let transaction = try await pool.transaction(.none) { try await $0.run(all()) }
      #expect(transaction == [3])
    }
  }

  @Test("statements that the server forgot are prepared anew")
  func forgottenStatements() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      #expect(try await pool.run(.none, Sample.one(), Sample.number(2)).1 == [2])
      try await pool.run(.none, Statement<NoRow>("deallocate all")())
      #expect(try await pool.run(.none, Sample.one(), Sample.number(2)).1 == [2])
    }
  }

  @Test("a failure before another's first use of a statement does not spoil it")
  func failureBeforePreparation() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let failing = Statement<Int>("select (1 / $1)::bigint")
      let fresh = Statement<Int>("select 5::bigint as fresh")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<20 {
          group.addTask {
            await #expect(throws: PostgresError.self) {
              try await pool.run(.none, failing(0), fresh())
            }
          }
          group.addTask {
            let rows: [Int] = try await pool.run(.none, fresh())
            #expect(rows == [5])
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test("a pool finds its way back after the server was killed and started again")
  func restartedServer() async throws {
    try await withCluster(isDurable: true) { cluster in
      try await Sample.withDatabase(cluster: cluster.connection) { database in
        let pool = try database.database { $0.queueWait = .milliseconds(200) }
        let organization = UUID()
        try await pool.run(
          .organization(organization), Sample.insertNote(organization, UUID(), "before"))
        try await cluster.kill()
        let error = await #expect(throws: PostgresError.self) {
          try await pool.run(.none, Sample.one())
        }
        guard case .unavailable = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        #expect(!pool.isAvailable)
        try await cluster.start()
        try await eventually {
          let rows: [String]? = try? await pool.run(
            .organization(organization), Sample.bodies())
          return rows == ["before"]
        }
        #expect(pool.isAvailable)
      }
    }
  }

  @Test("a database that is not there yet is waited for")
  func absentDatabase() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database(settings: {
        $0.connection = "host=/nonexistent dbname=x user=y"
        $0.queueWait = .milliseconds(100)
      })
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Sample.one())
      }
      guard case .unavailable = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }
}
