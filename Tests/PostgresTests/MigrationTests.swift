import Foundation
import Postgres
import TestKit
import Testing

@Suite struct MigrationTests {
  /// A folder of migration files that is removed afterwards.
  private static func withFolder(
    _ files: [String: String], _ body: (URL) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "clientele-migrations-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, sql) in files { try Data(sql.utf8).write(to: folder.appending(path: name)) }
    try await body(folder)
  }

  private static func migrator(_ database: TestDatabase, _ folder: URL) -> Migrator {
    Migrator(
      connection: database.connection(role: "sample_migrate"), directory: folder.path,
      schema: "sample")
  }

  private static let first = TestSchema.bare

  @Test("files are applied once, in order, as the owner; the next run does nothing")
  func replay() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = [
        "0001_a.sql": "create table a (id bigint);", "0002_b.sql": "alter table a add b text;",
      ]
      try await Self.withFolder(files) { folder in
        let migrator = Self.migrator(database, folder)
        #expect(try await migrator.status().map(\.state) == [.pending, .pending])
        #expect(try await migrator.migrate() == ["0001_a.sql", "0002_b.sql"])
        #expect(try await migrator.migrate() == [])
        #expect(try await migrator.status().map(\.state) == [.applied, .applied])
        let owner = try await database.sql(
          "select relowner::regrole::text from pg_class where oid = 'sample.a'::regclass")
        #expect(owner == [["sample_owner"]])
        #expect(try await database.database().schemaVersion() == 2)
      }
    }
  }

  @Test("a file that was edited after it was applied is refused")
  func edited() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      try await Self.withFolder(["0001_a.sql": "create table a (id bigint);"]) { folder in
        try await Self.migrator(database, folder).migrate()
        try Data("create table a (id text);".utf8).write(to: folder.appending(path: "0001_a.sql"))
        await #expect(throws: MigrationError.edited("0001_a.sql")) {
          try await Self.migrator(database, folder).migrate()
        }
      }
    }
  }

  @Test("a schema newer than the files is accepted")
  func newer() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = ["0001_a.sql": "create table a (id bigint);", "0002_b.sql": "select 1;"]
      try await Self.withFolder(files) { folder in
        try await Self.migrator(database, folder).migrate()
        try FileManager.default.removeItem(at: folder.appending(path: "0002_b.sql"))
        #expect(try await Self.migrator(database, folder).migrate() == [])
      }
    }
  }

  @Test(
    "missing, double and misnamed files are refused before anything is applied",
    arguments: [
      ["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"],
      ["0001_A.sql"], ["0001.sql"],
    ])
  func names(files: [String]) async throws {
    let texts = Dictionary(uniqueKeysWithValues: files.map { ($0, "select 1;") })
    try await Self.withFolder(texts) { folder in
      // It does not come to a connection.
      let migrator = Migrator(
        connection: "host=/nonexistent", directory: folder.path, schema: "sample")
      await #expect(throws: MigrationError.self) { try await migrator.migrate() }
    }
  }

  @Test("a file that fails leaves nothing of itself and stops the rest")
  func failing() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = [
        "0001_a.sql": "create table a (id bigint); select nothing;", "0002_b.sql": "select 1;",
      ]
      try await Self.withFolder(files) { folder in
        await #expect(throws: MigrationError.self) {
          try await Self.migrator(database, folder).migrate()
        }
        let table = try await database.sql("select to_regclass('sample.a')")
        #expect(table == [[nil]])
        let applied = try await database.count("schema_migrations")
        #expect(applied == 0)
      }
    }
  }

  @Test("two runners at once apply each file once")
  func concurrentRunners() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = ["0001_a.sql": "create table a (id bigint); select pg_sleep(0.3);"]
      try await Self.withFolder(files) { folder in
        async let one = Self.migrator(database, folder).migrate()
        async let two = Self.migrator(database, folder).migrate()
        let applied = try await one + two
        #expect(applied == ["0001_a.sql"])
      }
    }
  }

  @Test("a lock that somebody holds is waited for in short turns")
  func lockTimeout() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = ["0001_a.sql": "create table a (id bigint);"]
      try await Self.withFolder(files) { folder in
        try await Self.migrator(database, folder).migrate()
        // A file's own patience does not count.
        let next = "SET LOCAL lock_timeout = '1h';\nalter table a add b text;"
        try Data(next.utf8).write(to: folder.appending(path: "0002_b.sql"))
        let holder = try database.database(role: "postgres")
        let lock = Statement<NoRow>("lock table sample.a in access share mode")
        let migration = Task { try await Self.migrator(database, folder).migrate() }
        try await holder.transaction(.none) { transaction in
          try await transaction.run(lock())
          // Its first turn is over when it waits no more although the lock is still held.
          try await eventually {
            try await !database.sql("select 1 from pg_locks where not granted").isEmpty
          }
          try await eventually {
            try await database.sql("select 1 from pg_locks where not granted").isEmpty
          }
        }
        #expect(try await migration.value == ["0002_b.sql"])
      }
    }
  }

  @Test(
    "autovacuum gives way before a file gives up waiting",
    arguments: ["sample_migrate", "postgres"])
  func autovacuum(role: String) async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = ["0001_a.sql": "create table a as select current_setting('deadlock_timeout');"]
      try await Self.withFolder(files) { folder in
        try await Migrator(
          connection: database.connection(role: role), directory: folder.path, schema: "sample"
        ).migrate()
        #expect(try await database.sql("select * from sample.a") == [["10ms"]])
      }
    }
  }

  @Test("in a deadlock the migration gives up, and tries again")
  func deadlock() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = ["0001_a.sql": "create table a as select id from generate_series(1, 2) as id;"]
      try await Self.withFolder(files) { folder in
        try await Self.migrator(database, folder).migrate()
        let next = """
          update a set id = 10 where id = 1; select pg_sleep(0.5); update a set id = 20 where id = 2;
          """
        try Data(next.utf8).write(to: folder.appending(path: "0002_b.sql"))
        let caller = try database.database(role: "postgres")
        let change = Statement<NoRow>("update sample.a set id = id where id = $1")
        let migration = Task { try await Self.migrator(database, folder).migrate() }
        try await caller.transaction(.none) { transaction in
          try await transaction.run(change(2))
          try await eventually {
            try await !database.sql("select 1 from pg_stat_activity where wait_event = 'PgSleep'")
              .isEmpty
          }
          try await transaction.run(change(1))
        }
        #expect(try await migration.value == ["0002_b.sql"])
      }
    }
  }

  @Test("an index can be built outside a transaction")
  func outsideTransaction() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = [
        "0001_a.sql": "create table a (id bigint);",
        "0002_i.sql": "-- clientele: no transaction\ncreate index concurrently a_id on a (id);",
      ]
      try await Self.withFolder(files) { folder in
        let applied = try await Self.migrator(database, folder).migrate()
        #expect(applied.count == 2)
      }
    }
  }

  @Test("an index that could not be built is built anew, not taken for built")
  func invalidIndex() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = [
        "0001_a.sql": "create table a (id bigint); insert into a values (1), (1);",
        "0002_i.sql": """
        -- clientele: no transaction
        create unique index concurrently if not exists a_id on a (id);
        """,
      ]
      try await Self.withFolder(files) { folder in
        let migrator = Self.migrator(database, folder)
        await #expect(throws: MigrationError.self) { try await migrator.migrate() }
        try await database.sql("delete from sample.a where ctid = '(0,1)'")
        #expect(try await migrator.migrate() == ["0002_i.sql"])
        let valid = try await database.sql(
          "select indisvalid from pg_index where indexrelid = 'sample.a_id'::regclass")
        #expect(valid == [["t"]])
      }
    }
  }

  @Test("a batch that keeps its rows too long is given up for a smaller one")
  func slowBatches() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = [
        "0001_a.sql": """
        create table a (id bigint, twice bigint, batch xid8);
        insert into a select n from generate_series(1, 30) as n;
        """,
        "0002_b.sql": """
        -- clientele: in batches
        with done as (
          update a set twice = id * 2 + length(pg_sleep(0.05)::text), batch = pg_current_xact_id()
          where id in (select id from a where twice is null order by id limit 20) returning 1
        ) select count(*) from done
        """,
      ]
      try await Self.withFolder(files) { folder in
        #expect(try await Self.migrator(database, folder).migrate().count == 2)
        let rows = try await database.sql(
          """
          select sum(n), max(n) < 20
          from (select batch, count(twice) as n from sample.a group by batch) as batches
          """)
        #expect(rows == [["30", "t"]])
      }
    }
  }

  @Test("a file in batches runs until nothing is left, and goes on where it stopped")
  func batches() async throws {
    try await withDatabase(schemas: [Self.first()]) { database in
      let files = [
        "0001_a.sql": """
        create table a (id bigint, twice bigint, batch xid8 default pg_current_xact_id(),
          constraint a_small check (twice <= 80));
        insert into a select n from generate_series(1, 50) as n;
        """,
        "0002_b.sql": """
        -- clientele: in batches
        with done as (
          update a set twice = id * 2, batch = pg_current_xact_id()
          where id in (select id from a where twice is null order by id limit 20) returning 1
        ) select count(*) from done
        """,
      ]
      try await Self.withFolder(files) { folder in
        let migrator = Self.migrator(database, folder)
        await #expect(throws: MigrationError.self) { try await migrator.migrate() }
        let half = try await database.sql("select count(twice) from sample.a")
        // One row, twenty, and then one that is too large.
        #expect(half == [["21"]])
        try await database.sql("alter table sample.a drop constraint a_small")
        #expect(try await migrator.migrate() == ["0002_b.sql"])
        let whole = try await database.sql(
          "select count(twice), count(distinct batch) from sample.a")
        #expect(whole == [["50", "5"]])
        #expect(try await migrator.migrate().isEmpty)
      }
    }
  }

  @Test("a batch without one LIMIT is refused before anything is applied")
  func unlimited() async throws {
    for text in ["", "limit many", "limit 10 limit 20"] {
      let files = [
        "0001_a.sql": "create table a (id bigint);",
        "0002_b.sql": "-- clientele: in batches\nselect 0 \(text);",
      ]
      try await Self.withFolder(files) { folder in
        let migrator = Migrator(
          connection: "host=/nonexistent", directory: folder.path, schema: "sample")
        await #expect(throws: MigrationError.unlimited("0002_b.sql")) {
          try await migrator.migrate()
        }
      }
    }
  }

  @Test("the service's roles own nothing, pass no policy and cannot make anything")
  func roles() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      for sql in ["create table mine (id bigint)", "create schema mine", "drop table parents"] {
        let error = await #expect(throws: PostgresError.self) {
          try await pool.run(.none, Statement<NoRow>(sql)())
        }
        #expect(error?.sqlState == "42501", "\(sql)")
      }
      let worker = try database.database(role: "sample_worker")
      let error = await #expect(throws: PostgresError.self) {
        try await worker.run(.none, Sample.bodies())
      }
      #expect(error?.sqlState == "42501")
    }
  }

  @Test(
    "the catalogue of a guarded schema has no holes, and planted ones are found",
    arguments: [
      "alter table notes no force row level security",
      "drop policy notes_tenant on notes",
      "create policy notes_all on notes using (true)",
      "alter table notes add constraint notes_body_key unique (body)",
      "grant select on notes to public",
      "grant truncate on notes to sample",
      "create view v as select * from notes",
      "create materialized view m as select 1 as one",
      """
      create function f() returns int language sql security definer as 'select 1';
      """,
      """
      create function f() returns int language sql as 'select 1';
      grant execute on function f() to public
      """,
    ])
  func catalogue(hole: String) async throws {
    try await Sample.withDatabase { database in
      try await assertTenantTablesAreGuarded(
        schema: "sample", in: database, open: Sample.open)
      try await database.sql("set role sample_owner; set search_path = sample; \(hole)")
      await #expect(throws: CatalogProblems.self) {
        try await assertTenantTablesAreGuarded(
          schema: "sample", in: database, open: Sample.open)
      }
    }
  }
}

extension TestSchema {
  /// A schema without migrations.
  static func bare() throws -> TestSchema { try .sample([]) }
}
