import FoundationEssentials
import Postgres
import TestKit
import Testing

@Suite struct StreamTests {
  struct Mine: Error {}

  private static let numbers = Statement<Int>("select generate_series(1, $1)")
  private static let wide = Statement<String>(
    "select repeat('x', 1000) from generate_series(1, $1::bigint)")

  @Test("every row arrives, in order", arguments: DatabaseSettings.PrologueForm.allCases)
  func all(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connectionsMax = 1
        $0.prologue = form
      }
      for count in [0, 1, 100_000] {
        let sum = try await pool.withRows(.none, Self.numbers(count)) { rows in
          var next = 1
          for try await number in rows {
            guard number == next else { throw Mine() }
            next += 1
          }
          return next - 1
        }
        #expect(sum == count)
      }
      try await eventually { await pool.statistics().connectionsReserved == 0 }
      // Read to the end, the connection is as good as before.
      #expect(await pool.statistics().connectionsLost == 0)
    }
  }

  @Test("the rows are those of the scope, and nothing can be written")
  func scope() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let organization = UUID()
      for body in ["a", "b"] {
        try await pool.run(
          .organization(organization), Sample.insertNote(organization, UUID(), body))
      }
      func bodies(_ scope: Scope) async throws -> [String] {
        try await pool.withRows(scope, Sample.bodies()) { rows in
          var found: [String] = []
          for try await body in rows { found.append(body) }
          return found
        }
      }
      #expect(try await bodies(.organization(organization)) == ["a", "b"])
      #expect(try await bodies(.organization(UUID())) == [])
      await #expect(throws: PostgresError.self) {
        try await pool.withRows(
          .organization(organization), Sample.insertNote(organization, UUID(), "c")
        ) { rows in for try await _ in rows {} }
      }
      #expect(try await bodies(.organization(organization)) == ["a", "b"])
    }
  }

  @Test("a slow reader holds the server back, not the thread, and not the memory")
  func backpressure() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.streamBytesMax = 64 * 1024 }
      // A hundred megabytes, of which no more than a few may be on their way.
      try await pool.withRows(.none, Self.wide(100_000)) { rows in
        var iterator = rows.makeAsyncIterator()
        let first = try await iterator.next()
        #expect(first?.count == 1000)
        // The server cannot send all, so it is seen to wait for us.
        try await eventually {
          try await !database.sql(
            """
            select 1 from pg_stat_activity where datname = '\(database.name)'
            and wait_event = 'ClientWrite' and query like '%repeat%'
            """
          ).isEmpty
        }
        #expect(try await pool.run(.none, Sample.one()) == [1])
        var count = 1
        while try await iterator.next() != nil { count += 1 }
        #expect(count == 100_000)
      }
    }
  }

  @Test("leaving early costs the connection and nothing else")
  func leaving() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let first = try await pool.withRows(.none, Self.wide(100_000)) { rows in
        for try await row in rows { return row.count }
        return 0
      }
      #expect(first == 1000)
      await #expect(throws: Mine.self) {
        try await pool.withRows(.none, Self.wide(100_000)) { rows in
          for try await _ in rows { throw Mine() }
        }
      }
      #expect(try await pool.run(.none, Sample.one()) == [1])
      #expect(await pool.statistics().connectionsReserved == 0)
    }
  }

  @Test("an error in the midst of the rows comes after those before it")
  func failing() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let failing = Statement<Int>(
        "select (1000 / (500 - n))::bigint from generate_series(1::bigint, $1) n")
      var count = 0
      let error = await #expect(throws: PostgresError.self) {
        try await pool.withRows(.none, failing(1000)) { rows in
          for try await _ in rows { count += 1 }
        }
      }
      #expect(error?.sqlState == "22012" && count == 499)
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("a killed backend, a deadline and a cancelled task end a stream")
  func ends() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let killed = await #expect(throws: PostgresError.self) {
        try await pool.withRows(.none, Self.wide(100_000)) { rows in
          for try await _ in rows {
            try await database.sql(
              """
              select pg_terminate_backend(pid) from pg_stat_activity
              where datname = '\(database.name)' and query like '%repeat%' and usename = 'sample'
              """)
          }
        }
      }
      if case .unavailable = killed {} else { Issue.record("\(String(describing: killed))") }
      let endless = Statement<Int>("select n from generate_series(1, 1000000000000) n")
      await #expect(throws: PostgresError.deadlineExceeded) {
        try await pool.withRows(.none, deadline: .now + .milliseconds(200), endless()) { rows in
          for try await _ in rows {}
        }
      }
      let task = Task {
        try await pool.withRows(.none, endless()) { rows in for try await _ in rows {} }
      }
      try await database.waitUntil(running: "%generate_series(1, 1000000000000)%")
      task.cancel()
      await #expect(throws: PostgresError.cancelled) { try await task.value }
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("an answer that is far too large is refused before it takes the memory")
  func tooLarge() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.resultBytesMax = 1024 * 1024
        $0.connectionsMax = 1
      }
      for size in [2000, 200_000] {
        let error = await #expect(throws: PostgresError.self) {
          try await pool.run(.none, Self.wide(size))
        }
        guard case .decoding(let message) = error, message.contains("withRows") else {
          Issue.record("\(String(describing: error))")
          return
        }
      }
      // The second one at least was cut off: two hundred megabytes never came.
      #expect(await pool.statistics().connectionsLost >= 1)
      #expect(try await pool.run(.none, Self.wide(500)).count == 500)
    }
  }
}
