import FoundationEssentials
import Postgres
import TestKit

/// The schema of these tests.
enum Sample {
  /// Tables that belong to no organisation.
  static let open: Set<String> = ["parents", "children", "counters", "slow_commits"]

  static let tables = """
    create table notes (
      organization_id uuid not null,
      note_id uuid not null,
      body text not null,
      constraint notes_pkey primary key (organization_id, note_id),
      constraint notes_body_check check (body <> 'forbidden')
    );
    alter table notes enable row level security;
    alter table notes force row level security;
    create policy notes_tenant on notes
      using (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
      with check
        (organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid);

    create table parents (
      parent_id bigint not null,
      constraint parents_pkey primary key (parent_id)
    );
    create table children (
      child_id bigint generated always as identity,
      parent_id bigint not null,
      constraint children_pkey primary key (child_id),
      constraint children_parent_fkey foreign key (parent_id) references parents (parent_id)
        deferrable initially deferred
    );
    create table counters (
      counter_id bigint not null,
      value bigint not null,
      constraint counters_pkey primary key (counter_id)
    );

    -- Lets a commit take so long that a test can kill it in between.
    create table slow_commits (
      seconds double precision not null
    );
    create function sleep_at_commit() returns trigger language plpgsql as $$
      begin perform pg_sleep(new.seconds); return null; end $$;
    grant execute on function sleep_at_commit() to sample;
    create constraint trigger slow_commits_sleep after insert on slow_commits
      deferrable initially deferred for each row execute function sleep_at_commit();

    create sequence failures;
    grant usage on sequence failures to sample;
    -- Fails that often with a serialization failure, then no more.
    create function fail_times(times bigint) returns bigint language plpgsql as $$
      declare n bigint := nextval('failures');
      begin
        if n <= times then raise exception 'again' using errcode = '40001'; end if;
        return n;
      end $$;
    grant execute on function fail_times(bigint) to sample;
    """

  static let insertNote = Statement<NoRow>(
    "insert into notes (organization_id, note_id, body) values ($1, $2, $3)")
  static let bodies = Statement<String>("select body from notes order by body")
  static let one = Statement<Int>("select 1::bigint")
  static let number = Statement<Int>("select $1::bigint")
  static let backend = Statement<Int32Row>("select pg_backend_pid()")
  static let sleep = Statement<NoRow>("select pg_sleep($1)")
  static let sleepWriting = Statement<NoRow>("select pg_sleep($1)", writes: true)
  static let insertChild = Statement<NoRow>("insert into children (parent_id) values ($1)")
  static let insertParent = Statement<NoRow>("insert into parents (parent_id) values ($1)")
  static let insertSlow = Statement<NoRow>("insert into slow_commits (seconds) values ($1)")
  static let failTimes = Statement<Int>("select fail_times($1)", writes: true)

  /// Runs a test on a database of its own with these tables.
  static func withDatabase(
    cluster: String? = nil, more: [String] = [], _ body: (TestDatabase) async throws -> Void
  ) async throws {
    try await TestKit.withDatabase(
      schemas: [.sample([tables] + more)], cluster: cluster, body)
  }
}

struct Int32Row: PostgresRow, Equatable {
  let value: Int32
  init(from columns: inout ColumnReader) throws(PostgresError) { value = try columns.next() }
}

/// Waits until something is so, for at most a minute of a usual build.
func eventually(_ condition: () async throws -> Bool) async throws {
  let end = ContinuousClock.now + .seconds(60).patient
  while try await !condition() {
    guard .now < end else { throw NeverCame() }
    try await Task.sleep(for: .milliseconds(5))
  }
}

struct NeverCame: Error {}

/// Whether a pool answers now.
func answers(_ pool: Database) async -> Bool {
  let rows: [Int]? = try? await pool.run(.none, Sample.one())
  return rows == [1]
}

extension TestDatabase {
  /// Ends the backends of a role that are running something like a pattern.
  func kill(running pattern: String) async throws {
    try await eventually {
      let killed = try await sql(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = '\(name)' and usename = 'sample' and state = 'active'
          and query like '\(pattern)'
        """)
      return !killed.isEmpty
    }
  }

  /// Waits until a backend of the role runs something like a pattern.
  func waitUntil(running pattern: String) async throws {
    try await eventually {
      try await !sql(
        """
        select 1 from pg_stat_activity
        where datname = '\(name)' and usename = 'sample' and state = 'active'
          and query like '\(pattern)'
        """
      ).isEmpty
    }
  }
}
