import Postgres
import TestKit
import Testing

@Suite struct DescribeTests {
  enum Mood: String, PostgresEnum { case calm, tense }
  enum Weather: String, PostgresEnum { case calm, stormy }

  private static let schema = """
    create type mood as enum ('calm', 'tense');
    create table owners (
      owner_id bigint not null, name text not null, nickname text, mood mood not null,
      email text not null,
      constraint owners_pkey primary key (owner_id)
    );
    create table pets (
      pet_id bigint not null, owner_id bigint not null, name text not null,
      constraint pets_pkey primary key (pet_id)
    );
    create index pets_owner_id on pets (owner_id);
    create table visits (visit_id bigint not null, day date not null) partition by range (day);
    create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');
    create index visits_day on visits (day);
    create table entries (owner_id bigint not null, entry_id bigint not null,
      constraint entries_pkey primary key (owner_id, entry_id));
    """

  private func withPool(_ body: (Database) async throws -> Void) async throws {
    try await Sample.withDatabase(more: [Self.schema]) { database in
      try await body(try database.database())
    }
  }

  struct Two<First: PostgresValue, Second: PostgresValue>: PostgresRow {
    init(from columns: inout ColumnReader) throws(PostgresError) {
      _ = try columns.next(First.self)
      _ = try columns.next(Second.self)
    }
  }

  @Test("statements are compared with the schema and with what reads them")
  func types() async throws {
    try await withPool { pool in
      let fine = try await pool.describe(
        [Sample.insertNote, Sample.bodies, Sample.number, Sample.backend])
      #expect(fine == [])
      let wrong: [any DescribedStatement] = [
        Statement<Int>("select name from owners"), Statement<String>("select nothing from owners"),
        Statement<String>("select name, email from owners"), Statement<Number>("select"),
        Statement<PostgresDecimal>("select owner_id from owners"),
      ]
      let problems = try await pool.describe(wrong)
      #expect(problems.count == 5, "\(problems)")
    }
  }

  struct Number: PostgresRow {
    init(from columns: inout ColumnReader) throws(PostgresError) { _ = try columns.next(Int.self) }
  }

  @Test("a column that may be NULL is to be read as an optional")
  func nullability() async throws {
    try await withPool { pool in
      let right: [any DescribedStatement] = [
        Statement<String>("select name from owners"),
        Statement<String?>("select nickname from owners"),
        Statement<Two<String, String?>>(
          "select p.name, o.name from pets p left join owners o on o.owner_id = p.owner_id"),
        Statement<Two<String, String>>(
          "select p.name, o.name from pets p join owners o on o.owner_id = p.owner_id"),
        Statement<String>("select coalesce(nickname, name) from owners"),
      ]
      let fine = try await pool.describe(right, nullability: true)
      #expect(fine == [])
      let wrong: [any DescribedStatement] = [
        Statement<String>("select nickname from owners"),
        Statement<Two<String, String>>(
          "select p.name, o.name from pets p left join owners o on o.owner_id = p.owner_id"),
        Statement<Two<String, String>>(
          "select p.name, o.name from owners o right join pets p on o.owner_id = p.owner_id"),
        Statement<Two<String, String?>>(
          "select p.name, o.name from pets p full join owners o on o.owner_id = p.owner_id"),
      ]
      let problems = try await pool.describe(wrong, nullability: true)
      #expect(problems.count == 4 && problems.allSatisfy { $0.contains("may be NULL") })
    }
  }

  @Test("an enum knows the database's labels, no more and no fewer")
  func labels() async throws {
    try await withPool { pool in
      let fine = try await pool.describe([
        Statement<Mood>("select mood from owners"),
        Statement<Mood?>("select max(mood) from owners"),
      ])
      #expect(fine == [])
      let problems = try await pool.describe([Statement<Weather>("select mood from owners")])
      #expect(problems.count == 2)
      #expect(problems.contains { $0.contains("tense") })
      #expect(problems.contains { $0.contains("stormy") })
    }
  }

  @Test("no statement reads all of a table that is marked large")
  func scans() async throws {
    try await withPool { pool in
      let large = ["owners", "pets", "visits", "entries"]
      let right: [any DescribedStatement] = [
        Statement<String>("select name from owners where owner_id = $1"),
        Statement<String>("select name from pets where owner_id = any ($1) order by pet_id"),
        Statement<Int>("select owner_id from owners order by owner_id limit 50"),
        Statement<NoRow>("update pets set name = $2 where pet_id = $1"),
        Statement<NoRow>("insert into pets (pet_id, owner_id, name) values ($1, $2, $3)"),
        Statement<Int>("select visit_id from visits where day = $1"),
        Statement<Int>("select entry_id from entries where owner_id = $1 and entry_id > $2"),
        Statement<NoRow>("begin"), Statement<String>("select body from notes where body = $1"),
      ]
      let fine = try await pool.describe(right, largeTables: large)
      #expect(fine == [])
      let wrong: [any DescribedStatement] = [
        Statement<String>("select name from owners where email = $1"),
        Statement<Int>("select owner_id from owners where owner_id % 7 = $1 order by owner_id"),
        Statement<NoRow>("delete from pets where name = $1"),
        Statement<Int>("select visit_id from visits where visit_id = $1"),
        Statement<Int>("select owner_id from entries where entry_id = $1"),
      ]
      let problems = try await pool.describe(wrong, largeTables: large)
      #expect(problems.count == 5, "\(problems)")
      await #expect(throws: PostgresError.self) {
        try await pool.describe(right, largeTables: ["nothing_of_the_kind"])
      }
    }
  }
}

extension DescribeTests.Mood: PostgresRow {}
extension DescribeTests.Weather: PostgresRow {}
