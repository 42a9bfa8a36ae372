import FoundationEssentials
import Postgres
import TestKit
import Testing

/// What a call says of its outcome when the connection fails at the worst of moments.
@Suite struct FaultTests {
  /// Connects through the proxy, and has the statements prepared.
  private static func warm(
    _ database: TestDatabase, _ proxy: FaultProxy, form: DatabaseSettings.PrologueForm
  ) async throws -> Database {
    let connection = database.connection(through: proxy)
    let pool = try database.database {
      $0.connection = connection
      $0.connectionsMax = 1
      $0.prologue = form
      $0.reconnectPauseMin = .milliseconds(1)
      $0.reconnectPauseMax = .milliseconds(5)
    }
    try await pool.run(.none, Sample.insertParent(0))
    return pool
  }

  @Test(
    "an answer cut after any byte: what is said to be done is there, what is refused is not",
    arguments: DatabaseSettings.PrologueForm.allCases, [FaultProxy.Ending.reset, .truncation])
  func cutAnywhere(form: DatabaseSettings.PrologueForm, ending: FaultProxy.Ending) async throws {
    try await Sample.withDatabase { database in
      let proxy = try database.proxy()
      defer { proxy.stop() }
      let pool = try await Self.warm(database, proxy, form: form)
      let before = proxy.bytesPassed(.down)
      try await pool.run(.none, Sample.insertParent(-1))
      let length = proxy.bytesPassed(.down) - before
      #expect(length > 20)
      var seen: Set<PostgresError.Outcome> = []
      for bytes in 1...length + 1 {
        proxy.cut(.down, afterBytes: bytes, by: ending)
        var outcome = PostgresError.Outcome.done
        var failure: PostgresError?
        do throws(PostgresError) {
          try await pool.run(.none, Sample.insertParent(bytes))
        } catch {
          failure = error
          outcome = error.outcome
        }
        seen.insert(outcome)
        // All but a whole answer leaves it open; a whole one must not.
        // A reset right behind the last byte may overtake it.
        if bytes != length || ending == .truncation {
          #expect(
            outcome == (bytes < length ? .unknown : .done),
            "\(bytes) of \(length): \(failure as Any)")
        }
        proxy.heal()
        proxy.cutAll()
        // The statement is prepared anew on the next connection.
        try await eventually { await answers(pool) }
        try await pool.run(.none, Sample.insertParent(1_000_000 + bytes))
        if outcome == .done {
          let there = try await database.sql(
            "select 1 from sample.parents where parent_id = \(bytes)")
          #expect(!there.isEmpty, "acknowledged and lost after \(bytes)")
        }
      }
      #expect(seen == [.done, .unknown])
    }
  }

  @Test("a request cut after any byte is never taken for done")
  func cutRequest() async throws {
    try await Sample.withDatabase { database in
      let proxy = try database.proxy()
      defer { proxy.stop() }
      let pool = try await Self.warm(database, proxy, form: .setConfig)
      let before = proxy.bytesPassed(.up)
      try await pool.run(.none, Sample.insertParent(-1))
      let length = proxy.bytesPassed(.up) - before
      #expect(length > 50)
      for bytes in stride(from: 1, to: length, by: 7) {
        proxy.cut(.up, afterBytes: bytes)
        let error = await #expect(throws: PostgresError.self) {
          try await pool.run(.none, Sample.insertParent(bytes))
        }
        #expect(error?.outcome == .unknown)
        proxy.heal()
        try await eventually { await answers(pool) }
        try await pool.run(.none, Sample.insertParent(1_000_000 + bytes))
      }
    }
  }

  @Test("a server that says nothing any more: reads end at their deadline, writes are unknown")
  func stalled() async throws {
    try await Sample.withDatabase { database in
      let proxy = try database.proxy()
      defer { proxy.stop() }
      let connection = database.connection(through: proxy)
      let pool = try database.database {
        $0.connection = connection
        $0.connectionsMax = 1
        $0.stuckTimeout = .milliseconds(300)
      }
      try await pool.run(.none, Sample.insertParent(0))
      func expect(_ expected: PostgresError, of query: Query<NoRow>, losses: Int) async throws {
        proxy.stall(.down)
        let started = ContinuousClock.now
        await #expect(throws: expected) {
          try await pool.run(.none, deadline: .now + .milliseconds(200), query)
        }
        #expect(ContinuousClock.now - started < .seconds(5))
        // A silent connection is given up, and a new one made once the way is free.
        try await eventually { await pool.statistics().connectionsLost == losses }
        proxy.heal()
        try await eventually { await answers(pool) }
      }
      try await expect(.unknownOutcome, of: Sample.insertParent(1), losses: 1)
      try await expect(.deadlineExceeded, of: Sample.sleep(0), losses: 2)
    }
  }

  @Test("a slow way delays answers and changes none")
  func delayed() async throws {
    try await Sample.withDatabase { database in
      let proxy = try database.proxy()
      defer { proxy.stop() }
      let pool = try await Self.warm(database, proxy, form: .setConfig)
      proxy.delay(.down, by: .milliseconds(50))
      let started = ContinuousClock.now
      let answers = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<8 {
          group.addTask { try await pool.run(.none, Sample.number(number)).first ?? -1 }
        }
        return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
      }
      #expect(answers == Set(0..<8))
      #expect(ContinuousClock.now - started >= .milliseconds(50))
    }
  }

  @Test(
    "a call is one round trip, its scope, its deadline and its commit included",
    arguments: DatabaseSettings.PrologueForm.allCases)
  func oneRoundTrip(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let proxy = try database.proxy()
      defer { proxy.stop() }
      let pool = try await Self.warm(database, proxy, form: form)
      let organization = UUID()
      proxy.delay(.up, by: .seconds(2))
      let started = ContinuousClock.now
      // Not even prepared yet.
      let answer = try await pool.run(
        .organization(organization), deadline: .now + .seconds(20),
        Sample.insertNote(organization, UUID(), "a"), Sample.bodies(),
        Statement<String>("select current_setting('statement_timeout')")())
      #expect(answer.1 == ["a"])
      #expect(answer.2.first.map { $0 != "5s" && $0 != "0" } == true)
      let took = ContinuousClock.now - started
      #expect(took >= .seconds(2) && took < .seconds(4), "\(took)")
    }
  }

  @Test("where each transaction is framed, a refused one takes none with it that was sent behind")
  func framedNeighbours() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.prologue = .setLocal
        $0.connectionsMax = 2
        $0.waitersMax = 1000
      }
      let failing = Statement<Int>("select (1 / $1)::bigint")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<300 {
          group.addTask {
            if number.isMultiple(of: 3) {
              let error = await #expect(throws: PostgresError.self) {
                try await pool.run(.none, failing(0))
              }
              #expect(error?.sqlState == "22012")
            } else if number.isMultiple(of: 5) {
              try await pool.run(.none, Sample.insertParent(number))
            } else {
              let rows: [Int] = try await pool.run(.none, Sample.number(number))
              #expect(rows == [number])
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await database.count("parents") == 40)
      #expect(await pool.statistics().connectionsLost == 0)
    }
  }

  @Test("a commit whose wait for its standby was cut off is unknown")
  func standbyWait() async throws {
    try await withCluster(isDurable: true) { cluster in
      try await Sample.withDatabase(cluster: cluster.connection) { database in
        let pool = try database.database()
        try await pool.run(.none, Sample.insertParent(1))
        try await database.sql("alter system set synchronous_standby_names = 'nobody'")
        try await database.sql("select pg_reload_conf()")
        try await eventually {
          try await database.sql("show synchronous_standby_names") == [["nobody"]]
        }
        let write = Task { try await pool.run(.none, Sample.insertParent(2)) }
        try await eventually {
          try await !database.sql(
            """
            select pg_cancel_backend(pid) from pg_stat_activity
            where datname = '\(database.name)' and wait_event = 'SyncRep' and usename = 'sample'
            """
          ).isEmpty
        }
        await #expect(throws: PostgresError.unknownOutcome) { try await write.value }
        // It is there for now; a failover might lose it.
        #expect(try await database.count("parents") == 2)
        try await database.sql("alter system reset synchronous_standby_names")
        try await database.sql("select pg_reload_conf()")
        try await eventually {
          try await database.sql("show synchronous_standby_names") == [[""]]
        }
      }
    }
  }

  @Test("a migration under a live pool is noticed by nobody")
  func alteredUnderLoad() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      try await pool.run(.none, Sample.insertParent(3))
      let all = Statement<Int>("select * from parents")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
          group.addTask {
            for _ in 0..<200 {
              let rows: [Int] = try await pool.run(.none, all())
              #expect(rows == [3])
            }
          }
        }
        group.addTask {
          for round in 0..<10 {
            try await database.sql("alter table sample.parents add column more_\(round) text")
            let rows: [Int] = try await pool.run(.none, all())
            #expect(rows == [3])
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
