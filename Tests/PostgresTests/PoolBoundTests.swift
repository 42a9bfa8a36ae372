import FoundationEssentials
import Postgres
import TestKit
import Testing

@Suite struct PoolBoundTests {
  private static let check = Statement<Int>("select 41::bigint + 1", critical: true)
  private static let lock = Statement<NoRow>(
    "select set_config('lock_timeout', '600s', true), pg_advisory_xact_lock($1)", writes: true)

  /// Where a machine is too busy to connect in the time that calls may wait, it tries again.
  private static func insist<Row: PostgresRow>(
    _ pool: Database, _ query: Query<Row>
  ) async throws {
    while true {
      do throws(PostgresError) {
        _ = try await pool.run(.none, deadline: .now + .seconds(60).patient, query)
        return
      } catch {
        guard error == .queueFull else { throw error }
      }
    }
  }

  /// Holds every ordinary connection in waits for a lock.
  private static func withHogs(
    _ database: TestDatabase, _ pool: Database, _ body: () async throws -> Void
  ) async throws {
    let (gate, release) = AsyncStream<Void>.makeStream()
    let (held, isHeld) = AsyncStream<Void>.makeStream()
    let holder = Task {
      // Another pool, so that the hogged one has waits alone; this role may idle in transactions.
      let other = try database.database(role: "postgres")
      try await other.transaction(.none, deadline: .now + .seconds(60).patient) { transaction in
        try await transaction.run(lock(7))
        isHeld.finish()
        for await _ in gate {}
      }
    }
    for await _ in held {}
    let hogs = (0..<pool.settings.connectionsMax).map { _ in
      Task { try await insist(pool, lock(7)) }
    }
    try await eventually {
      await pool.statistics().callsSent == pool.settings.connectionsMax
    }
    try await body()
    release.finish()
    try await holder.value
    for hog in hogs { _ = try await hog.value }
  }

  @Test("with every connection held up, calls are refused soon and critical ones go through")
  func exhausted() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connectionsMax = 3
        $0.queueWait = .milliseconds(100)
        $0.waitersMax = 5
      }
      try await Self.withHogs(database, pool) {
        try await Self.insist(pool, Self.check())
        let before = await pool.statistics().callsRefused
        let started = ContinuousClock.now
        var refused = 0
        await withTaskGroup(of: PostgresError?.self) { group in
          for _ in 0..<12 {
            group.addTask {
              do throws(PostgresError) {
                try await pool.run(.none, Sample.sleepWriting(0))
                return nil
              } catch { return error }
            }
          }
          for await error in group where error == .queueFull { refused += 1 }
        }
        #expect(refused == 12)
        #expect(ContinuousClock.now - started < .seconds(10))
        for _ in 0..<50 {
          let answer = try await pool.run(.none, Self.check())
          #expect(answer == [42])
        }
        // One statement that is not critical makes the call ordinary.
        await #expect(throws: PostgresError.queueFull) {
          try await pool.run(.none, Self.check(), Sample.sleepWriting(0))
        }
        #expect(await pool.statistics().callsRefused == before + 13)
      }
      #expect(await pool.statistics().callsDone >= 53)
    }
  }

  @Test("no more statements and bytes are in flight on a connection than may be")
  func pipelines() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connectionsMax = 1
        $0.pipelineStatementsMax = 8
        $0.pipelineBytesMax = 1000
        $0.waitersMax = 50
      }
      #expect(try await pool.run(.none, Sample.one()) == [1])
      // A read is its prologue and itself, so four of them fill the pipeline.
      func inFlight(_ query: @escaping @Sendable () -> Query<NoRow>) async throws -> Int {
        let calls = (0..<10).map { _ in Task { try await pool.run(.none, query()) } }
        var most = 0
        try await eventually {
          let statistics = await pool.statistics()
          most = max(most, statistics.callsSent)
          return statistics.callsWaiting == 10 - most && most > 0
        }
        for call in calls { _ = try await call.value }
        return most
      }
      let seconds = 0.3 * Double(Patience.factor)
      #expect(try await inFlight { Sample.sleep(seconds) } == 4)
      let long = Statement<NoRow>("select pg_sleep($2) where length($1) > 0")
      let text = String(repeating: "x", count: 450)
      #expect(try await inFlight { long(text, seconds) } == 2)
      // One call alone may be larger.
      let huge = String(repeating: "x", count: 100_000)
      #expect(try await pool.run(.none, long(huge, 0.0)).count == 1)
    }
  }

  @Test("a cancelled task takes back what waits, and what was sent is left to its end")
  func cancelling() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let sent = Task { try await pool.run(.none, Sample.sleepWriting(4)) }
      try await database.waitUntil(running: "%pg_sleep%")
      let waiting = Task { try await pool.run(.none, Sample.insertParent(1)) }
      let other = Task { try await pool.transaction(.none) { try await $0.run(Sample.one()) } }
      try await eventually { await pool.statistics().callsWaiting == 2 }
      waiting.cancel()
      other.cancel()
      sent.cancel()
      await #expect(throws: PostgresError.cancelled) { try await waiting.value }
      await #expect(throws: PostgresError.cancelled) { try await other.value }
      #expect(await pool.statistics().callsWaiting == 0)
      #expect(try await sent.value.count == 1)
      let late = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await pool.run(.none, Sample.insertParent(2))
      }
      await #expect(throws: PostgresError.cancelled) { try await late.value }
      #expect(try await database.count("parents") == 0)
    }
  }

  @Test("tasks cancelled at any moment end, one way or the other")
  func cancellingAnywhere() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connectionsMax = 2
        $0.waitersMax = 1000
      }
      var random = SystemRandomNumberGenerator()
      for _ in 0..<20 {
        let tasks = (0..<50).map { number in
          Task { try await pool.run(.none, Sample.sleepWriting(0), Sample.number(number)) }
        }
        for task in tasks.shuffled(using: &random).prefix(25) { task.cancel() }
        for (number, task) in tasks.enumerated() {
          do {
            #expect(try await task.value.1 == [number])
          } catch { #expect(error as? PostgresError == .cancelled) }
        }
      }
      let statistics = await pool.statistics()
      #expect(statistics.callsWaiting == 0 && statistics.callsSent == 0)
    }
  }

  @Test("the pool counts what it does")
  func counters() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      for number in 0..<5 { try await pool.run(.none, Sample.number(number), Sample.one()) }
      _ = try? await pool.run(.none, Sample.insertChild(1))
      let write = Task { try await pool.run(.none, Sample.sleepWriting(60)) }
      try await database.kill(running: "%pg_sleep%")
      _ = try? await write.value
      #expect(try await pool.run(.none, Sample.one()) == [1])
      let statistics = await pool.statistics()
      #expect(statistics.callsDone == 6 && statistics.callsRefused == 1)
      #expect(statistics.callsUnknown == 1)
      #expect(statistics.statementsSent == 13)
      #expect(statistics.connectionsMade == 2 && statistics.connectionsLost == 1)
      #expect(statistics.connectionsReady == 1 && statistics.connectionsIdle == 1)
      #expect(statistics.queueTime.counts.reduce(0, +) == 8)
    }
  }
}
