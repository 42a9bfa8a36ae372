import FoundationEssentials
import Postgres
import TestKit
import Testing

@Suite struct CopyTests {
  struct Mine: Error {}

  private static let stage = Statement<NoRow>(
    """
    create temporary table imported (organization_id uuid, note_id uuid, body text) on commit drop
    """)
  private static let take = Statement<NoRow>(
    """
    insert into notes (organization_id, note_id, body)
    select organization_id, note_id, body from imported
    """)

  @Test(
    "an import through a temporary table keeps to the scope",
    arguments: DatabaseSettings.PrologueForm.allCases)
  func staged(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connectionsMax = 1
        $0.prologue = form
      }
      let organization = UUID()
      func load(_ owner: UUID, _ count: Int) async throws -> Int {
        try await pool.transaction(.organization(organization)) { transaction in
          try await transaction.run(Self.stage())
          let copied = try await transaction.copy(
            into: "imported", columns: ["organization_id", "note_id", "body"]
          ) { writer in
            for number in 0..<count {
              try await writer.write(CopyRow(owner, UUID(), "note \(number)"))
            }
          }
          let taken = try await transaction.run(Self.take())
          #expect(taken.count == copied)
          return copied
        }
      }
      #expect(try await load(organization, 20_000) == 20_000)
      #expect(try await load(organization, 0) == 0)
      #expect(try await database.count("notes") == 20_000)
      let error = await #expect(throws: PostgresError.self) { try await load(UUID(), 10) }
      #expect(error?.sqlState == "42501")
      #expect(try await database.count("notes") == 20_000)
      #expect(await pool.statistics().connectionsLost == 0)
    }
  }

  @Test("PostgreSQL refuses COPY into a table with row-level security")
  func direct() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      let organization = UUID()
      let error = await #expect(throws: PostgresError.self) {
        try await pool.transaction(.organization(organization)) { transaction in
          try await transaction.copy(
            into: "notes", columns: ["organization_id", "note_id", "body"]
          ) { try await $0.write(CopyRow(organization, UUID(), "x")) }
        }
      }
      #expect(error?.sqlState == "0A000")
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("every type goes into its own column, NULL included")
  func types() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      let make = Statement<NoRow>(
        """
        create temporary table mixed (a bigint, b text, c date, d numeric, e uuid[], f bytea,
          g boolean, h timestamptz, i jsonb) on commit drop
        """)
      let text = try await pool.transaction(.none) { transaction in
        try await transaction.run(make())
        try await transaction.copy(
          into: "mixed", columns: ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
        ) { writer in
          try await writer.write(
            CopyRow(
              7, String?.none, PostgresDate(daysSince1970: 1), PostgresDecimal("1.50"), [UUID](),
              [UInt8]([255]), true, Date(timeIntervalSince1970: 0), JSONB("[1]")))
        }
        return try await transaction.run(Statement<String>("select m::text from mixed m")())
      }
      #expect(text == ["(7,,1970-01-02,1.50,{},\"\\\\xff\",t,\"1970-01-01 00:00:00+00\",[1])"])
    }
  }

  @Test("rows that do not fit, a body that throws and a killed backend leave nothing")
  func failures() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      func copy(_ body: @escaping (CopyWriter) async throws -> Void) async throws {
        try await pool.transaction(.none) { transaction in
          try await transaction.run(Sample.insertParent(1))
          try await transaction.copy(into: "counters", columns: ["counter_id", "value"], body)
        }
      }
      let misfit = await #expect(throws: PostgresError.self) {
        try await copy { try await $0.write(CopyRow(1, "text")) }
      }
      #expect(misfit?.sqlState == "22P03" || misfit?.sqlState == "08P01")
      let doubled = await #expect(throws: PostgresError.self) {
        try await copy { writer in
          for _ in 0..<50_000 { try await writer.write(CopyRow(1, 2)) }
        }
      }
      #expect(doubled?.isUniqueViolation == true)
      await #expect(throws: Mine.self) {
        try await copy { writer in
          try await writer.write(CopyRow(1, 2))
          throw Mine()
        }
      }
      #expect(await pool.statistics().connectionsLost == 0)
      let killed = await #expect(throws: PostgresError.self) {
        try await copy { writer in
          for number in 0..<1_000_000 {
            try await writer.write(CopyRow(number, 2))
            if number == 1000 {
              try await database.sql(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = '\(database.name)' and usename = 'sample'
                """)
            }
          }
        }
      }
      if case .unavailable = killed {} else { Issue.record("\(String(describing: killed))") }
      #expect(try await database.count("parents") == 0)
      #expect(try await database.count("counters") == 0)
    }
  }

  @Test("a writer that is faster than the server waits for it")
  func backpressure() async throws {
    try await Sample.withDatabase { database in
      let proxy = try database.proxy()
      defer { proxy.stop() }
      let connection = database.connection(through: proxy)
      let pool = try database.database { $0.connection = connection }
      let (progress, reached) = AsyncStream<Int>.makeStream()
      let task = Task {
        try await pool.transaction(.none, deadline: .now + .seconds(60).patient) { transaction in
          try await transaction.copy(into: "counters", columns: ["counter_id", "value"]) { writer in
            for number in 0..<1_000_000 {
              if number == 1000 { proxy.stall(.up) }
              try await writer.write(CopyRow(number, 0))
              if number.isMultiple(of: 10_000) { reached.yield(number) }
            }
            reached.finish()
          }
        }
      }
      // What fits into the sockets goes, and no more.
      var last = 0
      for await number in progress {
        last = number
        if number >= 20_000 { break }
      }
      #expect(last < 900_000)
      let before = proxy.bytesPassed(.up)
      proxy.heal()
      #expect(try await task.value == 1_000_000)
      #expect(proxy.bytesPassed(.up) - before > 20_000_000)
      #expect(try await database.count("counters") == 1_000_000)
    }
  }
}
