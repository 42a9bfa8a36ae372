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

  private enum Colour: String, PostgresEnum { case red, green }

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
      try await Self.echo(pool, [String?.none, "b", nil], as: "text[]")
      try await Self.echo(pool, [Int32?.none], as: "integer[]")
      try await Self.echo(pool, [1.5, -2], as: "double precision[]")
      try await Self.echo(pool, JSONB(#"{"a": [1, null]}"#), as: "jsonb")
    }
  }

  @Test("decimal numbers come back exactly, as SQL writes them")
  func decimals() async throws {
    let texts = [
      "0", "0.00", "1", "-1", "12.50", "0.0001", "0.00001", "-0.00000000000000000001", "10000",
      "99999999", "100000000.0001", "123456789012345678901234567890.123456789",
      "1" + String(repeating: "0", count: 1000), "0." + String(repeating: "0", count: 999) + "7",
      "9" + String(repeating: "9", count: 130_000) + "." + String(repeating: "8", count: 16_000),
    ]
    try await Sample.withDatabase { database in
      let pool = try database.database()
      for text in texts {
        let value = try #require(PostgresDecimal(text))
        #expect(value.description == text)
        // Both ways: PostgreSQL reads our bytes as that number, and we read its bytes.
        let both = Statement<DecimalPair>(
          "select $1::numeric, $1::numeric::text, $2::text::numeric")
        let row = try #require(try await pool.run(.none, both(value, text)).first)
        #expect(row.value == value && row.value.description == text)
        #expect(row.text == text)
        #expect(row.parsed.description == text)
      }
      for sql in ["'NaN'", "'Infinity'", "'-Infinity'"] {
        await #expect(throws: PostgresError.self) {
          try await pool.run(.none, Statement<PostgresDecimal>("select \(sql)::numeric")())
        }
      }
      let list = ["1.5", "-2"].compactMap(PostgresDecimal.init)
      try await Self.echo(pool, list, as: "numeric[]")
    }
  }

  private struct DecimalPair: PostgresRow {
    let value: PostgresDecimal
    let text: String
    let parsed: PostgresDecimal
    init(from columns: inout ColumnReader) throws(PostgresError) {
      value = try columns.next()
      text = try columns.next()
      parsed = try columns.next()
    }
  }

  @Test("decimal numbers compare by value, and give their minor units only exactly")
  func decimalValues() throws {
    func decimal(_ text: String) throws -> PostgresDecimal { try #require(PostgresDecimal(text)) }
    #expect(try decimal("1.0") == decimal("1.00"))
    #expect(try decimal("1.0").hashValue == decimal("1.00").hashValue)
    #expect(try decimal("-0") == decimal("0.000"))
    let ordered = try ["-100", "-2.5", "-2.49", "0", "0.001", "0.01", "1", "1.5", "9", "10.1"]
      .map(decimal)
    for (index, value) in ordered.enumerated() {
      for (other, second) in ordered.enumerated() { #expect((value < second) == (index < other)) }
    }
    #expect(try decimal("12.50").minorUnits(scale: 2) == 1250)
    #expect(try decimal("-12.5").minorUnits(scale: 2) == -1250)
    #expect(try decimal("12.505").minorUnits(scale: 2) == nil)
    #expect(try decimal("0.000").minorUnits(scale: 2) == 0)
    #expect(try decimal("92233720368547758.07").minorUnits(scale: 2) == Int64.max)
    #expect(try decimal("-92233720368547758.08").minorUnits(scale: 2) == Int64.min)
    #expect(try decimal("92233720368547758.08").minorUnits(scale: 2) == nil)
    for units in [Int64.min, -1, 0, 5, 1250, .max] {
      #expect(PostgresDecimal(minorUnits: units, scale: 2).minorUnits(scale: 2) == units)
    }
    for text in ["", "-", ".", "1.2.3", "1e5", " 1", "1-", "NaN", "١"] {
      #expect(PostgresDecimal(text) == nil, "\(text)")
    }
  }

  @Test("an enum of the database is read and written as its label")
  func enums() async throws {
    let schema = "create type colour as enum ('red', 'green', 'blue');"
    try await Sample.withDatabase(more: [schema]) { database in
      let pool = try database.database()
      try await Self.echo(pool, Colour.green, as: "colour")
      try await Self.echo(pool, Colour?.none, as: "colour")
      try await Self.echo(pool, [Colour.green, .red], as: "text[]::colour[]")
      await #expect(throws: PostgresError.decoding("blue is no Colour")) {
        try await pool.run(.none, Statement<Echo<Colour>>("select 'blue'::colour")())
      }
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Statement<NoRow>("select $1::colour")("pink"))
      }
      #expect(error?.sqlState == "22P02")
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
}
