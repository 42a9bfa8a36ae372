import FoundationEssentials
import Postgres
import TestKit
import Testing

/// Calls of one round trip, with the prologue for plain PostgreSQL and with the one for Citus.
@Suite struct RunTests {
  static let forms = DatabaseSettings.PrologueForm.allCases

  @Test("one round trip answers each query's rows in order", arguments: Self.forms)
  func severalQueries(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.prologue = form }
      let organization = UUID()
      let answers = try await pool.run(
        .organization(organization), Sample.insertNote(organization, UUID(), "b"),
        Sample.insertNote(organization, UUID(), "a"), Sample.bodies(), Sample.number(7))
      #expect(answers.0.count == 1)
      #expect(answers.2 == ["a", "b"])
      #expect(answers.3 == [7])
    }
  }

  @Test("a statement with parameters of other types than before is refused, alone and in a step")
  func otherTypes() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      // Eight bytes either way: PostgreSQL could not tell.
      try await pool.run(.none, Sample.sleep(0.0))
      let alone = await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Sample.sleep(0))
      }
      let step = await #expect(throws: PostgresError.self) {
        try await pool.transaction(.none) { transaction in
          _ = try await transaction.run(Sample.one())
          try await transaction.run(Sample.sleep(0))
        }
      }
      #expect(alone?.sqlState == "42804" && step?.sqlState == "42804")
      try await pool.run(.none, Sample.sleep(0.0))
      #expect(await pool.statistics().callsSent == 0)
    }
  }

  @Test("a refusal undoes the whole call and names its constraint", arguments: Self.forms)
  func allOrNothing(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.prologue = form }
      let organization = UUID()
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(
          .organization(organization), Sample.insertNote(organization, UUID(), "kept?"),
          Sample.insertNote(organization, UUID(), "forbidden"))
      }
      #expect(error?.constraint == "notes_body_check")
      #expect(try await database.count("notes") == 0)
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test("without a scope nothing is seen and nothing can be written", arguments: Self.forms)
  func unsetScope(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.prologue = form
        $0.connectionsMax = 1
      }
      let organization = UUID()
      try await pool.run(
        .organization(organization), Sample.insertNote(organization, UUID(), "mine"))
      // The same connection: the scope of the call before has gone with its transaction.
      #expect(try await pool.run(.none, Sample.bodies()) == [])
      #expect(try await pool.run(.account(organization), Sample.bodies()) == [])
      #expect(try await pool.run(.organization(UUID()), Sample.bodies()) == [])
      #expect(try await pool.run(.organization(organization), Sample.bodies()) == ["mine"])
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Sample.insertNote(organization, UUID(), "theirs"))
      }
      #expect(error?.sqlState == "42501")
    }
  }

  @Test("a row of another organisation is refused with 42501", arguments: Self.forms)
  func crossTenantInsert(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.prologue = form }
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(.organization(UUID()), Sample.insertNote(UUID(), UUID(), "x"))
      }
      #expect(error?.sqlState == "42501")
    }
  }

  @Test(
    "a constraint that is checked at the commit refuses after the statement's success",
    arguments: Self.forms)
  func deferredConstraint(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.prologue = form
        $0.connectionsMax = 1
      }
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Sample.insertChild(99))
      }
      #expect(error?.sqlState == "23503")
      #expect(error?.constraint == "children_parent_fkey")
      #expect(try await database.count("children") == 0)
      // In one call the parent may come second.
      try await pool.run(.none, Sample.insertChild(1), Sample.insertParent(1))
      #expect(try await database.count("children") == 1)
    }
  }

  @Test("a thousand calls at once on two connections come back to who asked", arguments: Self.forms)
  func manyAtOnce(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.prologue = form
        $0.connectionsMax = 2
        $0.waitersMax = 2000
      }
      try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
        for number in 0..<1000 {
          group.addTask { (number, try await pool.run(.none, Sample.number(number))) }
        }
        for try await (asked, answered) in group { #expect(answered == [asked]) }
      }
      let statistics = await pool.statistics()
      #expect(statistics.callsSent == 0 && statistics.callsWaiting == 0)
      #expect(statistics.connectionsReady <= 2)
    }
  }

  @Test("lists of queries answer how many rows each affected", arguments: Self.forms)
  func listOfQueries(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.prologue = form }
      let organization = UUID()
      let deletion = Statement<NoRow>("delete from notes where body = any ($1)")
      let counts = try await pool.run(
        .organization(organization),
        all: ["a", "b", "c"].map {
          AnyQuery(Sample.insertNote(organization, UUID(), $0))
        } + [AnyQuery(deletion(["a", "c", "z"]))])
      #expect(counts == [1, 1, 1, 2])
    }
  }

  @Test(
    "a type that reads more columns than there are is an error, not a trap", arguments: Self.forms)
  func tooFewColumns(form: DatabaseSettings.PrologueForm) async throws {
    struct Pair: PostgresRow {
      init(from columns: inout ColumnReader) throws(PostgresError) {
        _ = try columns.next(Int.self)
        _ = try columns.next(Int.self)
      }
    }
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.prologue = form }
      await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Statement<Pair>("select 1::bigint")())
      }
      await #expect(throws: PostgresError.decoding("NULL where Int was expected")) {
        try await pool.run(.none, Statement<Int>("select null::bigint")())
      }
    }
  }

  @Test("an answer that is too large is refused and the pool goes on", arguments: Self.forms)
  func tooLarge(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.prologue = form
        $0.resultBytesMax = 10_000
      }
      let long = Statement<String>("select repeat('x', $1::integer)")
      #expect(try await pool.run(.none, long(Int32(9000))).first?.count == 9000)
      await #expect(throws: PostgresError.self) { try await pool.run(.none, long(Int32(20_000))) }
      #expect(try await pool.run(.none, Sample.one()) == [1])
    }
  }

  @Test(
    "a pool that is closed refuses, and closing lets what is in flight finish",
    arguments: Self.forms)
  func closing(form: DatabaseSettings.PrologueForm) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.prologue = form
        $0.stuckTimeout = .seconds(10).patient
      }
      async let slow = pool.run(.none, Sample.sleepWriting(Double(Patience.factor)))
      try await database.waitUntil(running: "%pg_sleep%")
      await pool.close()
      #expect(try await slow.count == 1)
      await #expect(throws: PostgresError.unavailable("the pool is closed")) {
        try await pool.run(.none, Sample.one())
      }
    }
  }
}
