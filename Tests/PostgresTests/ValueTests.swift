import FoundationEssentials
import Postgres
import TestKit
import Testing

@Suite struct ValueTests {
  private static func echo<Value: PostgresValue & Equatable>(
    _ pool: Database, _ value: Value, as type: String
  ) async throws {
    let rows = try await pool.run(.none, Statement<Echo<Value>>("select $1::\(type)")(value))
    #expect(rows.first?.value == value, "\(type)")
  }

  private struct Echo<Value: PostgresValue>: PostgresRow {
    let value: Value
    init(from columns: inout ColumnReader) throws(PostgresError) { value = try columns.next() }
  }

  private enum Colour: String, PostgresValue { case red, green }

  @Test("every type comes back as it went")
  func roundTrips() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      try await Self.echo(pool, UUID(), as: "uuid")
      for text in ["", "Ada", "Łódź 🦊", String(repeating: "x", count: 100_000)] {
        try await Self.echo(pool, text, as: "text")
      }
      for number in [Int.min, -1, 0, 1, Int.max] { try await Self.echo(pool, number, as: "bigint") }
      try await Self.echo(pool, Int32.min, as: "integer")
      try await Self.echo(pool, Int16.max, as: "smallint")
      try await Self.echo(pool, true, as: "boolean")
      for number in [0, -1.5, .infinity, 1e300] {
        try await Self.echo(pool, number, as: "double precision")
      }
      try await Self.echo(pool, [UInt8](0...255), as: "bytea")
      try await Self.echo(pool, [UInt8](), as: "bytea")
      try await Self.echo(pool, Date(timeIntervalSince1970: 1_750_000_000.25), as: "timestamptz")
      try await Self.echo(
        pool, PostgresTimestamp(microseconds: 1_750_000_000_123_457), as: "timestamptz")
      try await Self.echo(pool, PostgresDate(daysSince1970: -719_162), as: "date")
      try await Self.echo(pool, TransactionID(.max), as: "xid8")
      try await Self.echo(pool, [UUID(), UUID()], as: "uuid[]")
      try await Self.echo(pool, ["", "a\"b", "c,d"], as: "text[]")
      try await Self.echo(pool, [String](), as: "text[]")
      try await Self.echo(pool, [1, -2, 3], as: "bigint[]")
      try await Self.echo(pool, String?.none, as: "text")
      try await Self.echo(pool, Int?.some(3), as: "bigint")
      try await Self.echo(pool, Colour.green, as: "text")
      try await Self.echo(pool, JSONB(#"{"a": [1, null]}"#), as: "jsonb")
    }
  }

  @Test("a width that does not fit and a value that is none of an enum's are errors")
  func misfits() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Statement<Echo<Int16>>("select 70000::bigint")())
      }
      await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Statement<Echo<Colour>>("select 'blue'::text")())
      }
      await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Statement<Echo<UUID>>("select 'short'::text")())
      }
      await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Statement<Echo<[Int]>>("select '{1,NULL}'::bigint[]")())
      }
      await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Statement<Echo<[Int]>>("select '{{1},{2}}'::bigint[]")())
      }
    }
  }

  @Test(
    "days of the calendar",
    arguments: [
      (1970, 1, 1, 0), (2000, 2, 29, 11_016), (1999, 12, 31, 10_956), (1, 1, 1, -719_162),
      (9999, 12, 31, 2_932_896),
    ])
  func calendar(year: Int, month: Int, day: Int, days: Int32) {
    let date = PostgresDate(year: year, month: month, day: day)
    #expect(date?.daysSince1970 == days)
    #expect(PostgresDate(daysSince1970: days).components == (year, month, day))
  }

  @Test(
    "days that are none",
    arguments: [
      (2023, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 0, 1), (0, 1, 1), (10_000, 1, 1),
    ])
  func noDays(year: Int, month: Int, day: Int) {
    #expect(PostgresDate(year: year, month: month, day: day) == nil)
  }

  @Test(
    "which statements count as writes",
    arguments: [
      ("select 1", false), ("  SELECT a FROM b", false), ("select a from b for update", true),
      ("select a from b for no key update skip locked", true), ("select 1 for key share", true),
      ("select substring(a for 3) from b", false), ("insert into a values (1)", true),
      ("with x as (delete from a returning 1) select * from x", true), ("begin", true),
    ])
  func writes(sql: String, writes: Bool) {
    #expect(Statement<NoRow>(sql).text.writes == writes)
  }

  @Test("a statement's name is its text's")
  func names() {
    #expect(Statement<NoRow>("select 1").text.name == Statement<Int>("select 1").text.name)
    #expect(Statement<NoRow>("select 1").text != Statement<NoRow>("select 2").text)
  }

  @Test("statements are compared with the schema and with what reads them")
  func descriptions() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      #expect(
        try await pool.describe([Sample.insertNote, Sample.bodies, Sample.number, Sample.backend])
          == [])
      let wrong: [any DescribedStatement] = [
        Statement<Int>("select body from notes"), Statement<String>("select nothing from notes"),
        Statement<String>("select body, note_id from notes"), Statement<UUID>("select"),
      ]
      #expect(try await pool.describe(wrong).count == 4)
    }
  }
}
