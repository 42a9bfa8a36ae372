import Testing

@testable import Postgres
@testable import TestKit

/// Where tables go on a Citus cluster, as far as plain PostgreSQL can tell.
@Suite struct CitusTests {
  private static let tables = """
    create table owners (
      organization_id uuid primary key
    );
    create table houses (
      organization_id uuid not null references owners,
      house_id uuid not null,
      primary key (organization_id, house_id)
    );
    create table idempotency (
      scope uuid not null,
      request_id uuid not null,
      primary key (scope, request_id)
    );
    create table events (
      event_id bigint generated always as identity primary key,
      organization_id uuid
    );
    create table jobs (
      organization_id uuid not null,
      job_id uuid not null,
      primary key (organization_id, job_id),
      constraint jobs_owner_fkey foreign key (organization_id) references owners
    );
    create table jobs_done (
      event_id bigint primary key references events
    );
    create function helps(n bigint) returns bigint language sql as 'select n';
    revoke update on jobs from sample;
    grant update (job_id), insert (job_id) on jobs to sample_worker;
    grant select on sequence events_event_id_seq to sample_worker;
    create function refuse() returns trigger language plpgsql as 'begin return null; end';
    create trigger events_stay before update or delete or truncate on events
      for each statement execute function refuse();
    """

  private func layout(_ more: String = "") async throws -> CitusLayout {
    try await withDatabase(schemas: [.sample([Self.tables + more])]) { database in
      try await PlainConnection.withSession(database.connection(role: "postgres")) {
        try CitusLayout(of: ["sample"], in: $0)
      }
    }
  }

  @Test("the script: parents first, one group, ties into shards cut, nothing left behind")
  func script() async throws {
    let layout = try await layout()
    #expect(layout.problems.isEmpty)
    let script = layout.script()
    #expect(
      script.map { $0.split(separator: "\n").prefix($0.hasPrefix("begin") ? 2 : 1) }
        .map { $0.joined(separator: " ") } == [
          "alter table sample.jobs drop constraint jobs_owner_fkey",
          "select create_distributed_table('sample.idempotency', 'scope', colocate_with => 'none')",
          """
          select create_distributed_table('sample.owners', 'organization_id', \
          colocate_with => 'sample.idempotency')
          """,
          """
          select create_distributed_table('sample.houses', 'organization_id', \
          colocate_with => 'sample.idempotency')
          """,
          """
          begin; select citus_add_local_table_to_metadata('sample.events', \
          cascade_via_foreign_keys => true);
          """,
          """
          begin; select citus_add_local_table_to_metadata('sample.jobs', \
          cascade_via_foreign_keys => true);
          """,
          "select create_distributed_function('sample.helps(bigint)')",
          "select truncate_local_data_after_distributing_table('sample.idempotency')",
          "select truncate_local_data_after_distributing_table('sample.owners')",
          "select truncate_local_data_after_distributing_table('sample.houses')",
        ] + Self.grants)
    let adding = try #require(script.first { $0.contains("metadata('sample.jobs'") })
    #expect(
      adding.contains("grant insert (job_id), update (job_id) on sample.jobs to sample_worker;"))
    #expect(adding.contains("grant delete, insert, select on sample.jobs to sample;"))
    #expect(adding.hasSuffix("commit"))
    let shards = try #require(script.first { $0.hasPrefix("-- grants of sample.jobs on its") })
    #expect(shards.contains("run_command_on_placements('sample.jobs', "))
    // Defaults of all columns are written there.
    #expect(shards.contains("grant insert, update (job_id) on %1$s to sample_worker;"))
    let events = try #require(script.first { $0.contains("metadata('sample.events'") })
    let triggers = try #require(script.last)
    #expect(
      triggers.contains(
        """
        create or replace trigger events_stay BEFORE DELETE OR UPDATE OR TRUNCATE on %1$s \
        FOR EACH STATEMENT EXECUTE FUNCTION sample.refuse();
        """))
    let granted = /select[a-z, ]* on sequence sample.events_event_id_seq to sample_worker;/
    #expect(events.contains(granted))
  }

  private static let grants =
    [
      "events", "idempotency", "jobs_done", "owners", "houses", "jobs",
    ].flatMap {
      ["-- grants of sample.\($0) on the nodes", "-- grants of sample.\($0) on its shards"]
    } + ["-- triggers of sample.events on its shard"]

  @Test("what is distributed already stays, and the rest joins its group")
  func again() async throws {
    let layout = try await layout()
    let all = Set(layout.tables.map(\.name))
    let functions = "select create_distributed_function('sample.helps(bigint)')"
    func script(without done: Set<String>, left: Set<String> = []) -> [String] {
      layout.script(without: done, left: left).filter { !$0.hasPrefix("-- ") }
    }
    #expect(script(without: all) == [functions])
    let rest = "select truncate_local_data_after_distributing_table('sample.owners')"
    #expect(script(without: all, left: ["sample.owners"]) == [functions, rest])
    #expect(
      script(without: all.subtracting(["sample.houses"])) == [
        """
        select create_distributed_table('sample.houses', 'organization_id', \
        colocate_with => 'sample.idempotency')
        """,
        functions,
        "select truncate_local_data_after_distributing_table('sample.houses')",
      ])
  }

  @Test(
    "what Citus refuses is found",
    arguments: [
      ("alter table houses add constraint once unique (house_id)", "unique once lacks"),
      (
        """
        create function stop() returns trigger language plpgsql as 'begin return null; end';
        create trigger stops before update on houses for each row execute function stop()
        """, "cannot have trigger stops"
      ),
      (
        "create policy sifted on houses using (organization_id in (select scope from idempotency))",
        "policy sifted has a sub-select"
      ),
      (
        "create policy strict on houses as restrictive for delete using (false)",
        "would take the restrictive policy strict for another"
      ),
      (
        """
        create table rooms (organization_id uuid, house_id uuid, room_id uuid,
          primary key (organization_id, room_id), constraint moves foreign key
          (organization_id, house_id) references houses on update cascade)
        """, "moves would change organization_id"
      ),
      (
        """
        create table doors (organization_id uuid, event_id bigint,
          primary key (organization_id, event_id), constraint leads foreign key
          (event_id) references events)
        """, "leads leads to sample.events, which is in no shard"
      ),
      (
        "alter table houses add column number integer generated always as identity",
        "identity column number is integer"
      ),
    ])
  func refusals(sql: String, problem: String) async throws {
    let problems = try await layout(sql + ";").problems
    #expect(problems.count == 1)
    #expect(problems.first?.contains(problem) == true)
  }

  @Test(
    "statements that no single node can answer are told",
    arguments: [
      ("select * from houses where organization_id = $1", true),
      ("select * from houses h where h.organization_id = $1 and h.house_id = $2", true),
      ("select * from houses where house_id = $1", false),
      ("select * from houses h join owners o on o.organization_id = h.organization_id", false),
      (
        """
        select * from houses h join owners o on o.organization_id = $1
        where h.organization_id = $1
        """, true
      ),
      ("insert into houses (organization_id, house_id) values ($1, $2)", true),
      ("insert into houses (house_id, organization_id) values ($1, $2)", false),
      ("insert into houses (organization_id, house_id) select $1, id from unnest($2) u(id)", true),
      ("delete from houses where organization_id <> $1", false),
      ("select * from jobs", true),
      ("update jobs set n = 1 from houses h where h.organization_id = $1", false),
    ])
  func routing(sql: String, isRouted: Bool) {
    let lint = CitusLint(
      columns: ["houses": "organization_id", "owners": "organization_id"], local: ["jobs"])
    #expect(lint.problems(of: sql).isEmpty == isRouted)
  }

  @Test(
    "how Citus refuses statements to write",
    arguments: [
      ("update jobs set n = nextval('s') where m = $1", "calls volatile nextval"),
      (
        """
        with due as (select m, random() as r from jobs) update jobs j set n = due.r from due
        where j.m = due.m
        """, "calls volatile random"
      ),
      ("delete from houses where organization_id = $1 and n < random()", "calls volatile random"),
      (
        "update houses set n = 1 where organization_id = $1 and ctid = $2",
        "finds rows of shards by their place"
      ),
      ("update jobs set n = case when m then now() end", "calls mutable now in a CASE"),
      ("update jobs set n = coalesce(lower(m), now()) where m", "calls mutable now in a COALESCE"),
      (
        "insert into jobs (n) values ($1) on conflict do update set n = now()",
        "calls mutable now in DO UPDATE"
      ),
      (
        """
        with m as (insert into jobs as j (n) values ($1)
          on conflict do update set n = $1 where j.n < now() returning 1) select * from m
        """, "calls mutable now in DO UPDATE"
      ),
      (
        """
        insert into jobs as j (n) values ($1)
        on conflict do update set n = $1 where j.n < excluded.n - interval '1 day'
        """, "moves a moment by an interval in DO UPDATE"
      ),
      ("update jobs set n = 1 returning now()", "calls mutable now in RETURNING"),
      (
        "insert into houses (organization_id, house_id) select $1, id from unnest($2) u(id)",
        "selects rows into the shards of houses, which is a COPY"
      ),
      ("update jobs set n = now() + make_interval(secs => $1) where m > now()", nil),
      ("with gone as (delete from jobs where m returning m) select random() from gone", nil),
      ("insert into jobs (n) select now() from plain", nil),
      ("update plain set n = random()", nil),
      (
        """
        insert into houses (organization_id, house_id) select $1, id from unnest($2) u(id)
        on conflict on constraint houses_pkey do nothing
        """, nil
      ),
    ] as [(String, String?)])
  func refusedWrites(sql: String, problem: String?) {
    let refusals = CitusRefusals(
      CitusLint(columns: ["houses": "organization_id"], local: ["jobs"]),
      CitusRefusals.Functions(
        volatile: ["random", "nextval"], mutable: ["random", "nextval", "now"]))
    #expect(refusals.problems(of: sql) == (problem.map { [$0] } ?? []))
  }

  @Test("what a migration grants by column is kept from Citus, which refuses it")
  func columnGrants() {
    let rest = """
      create table a (b int);
      grant select on a to c;
      grant execute on function d(int) to c;
      """
    let file = MigrationFile(
      version: 1, name: "0001_a.sql",
      sql: """
        GRANT INSERT (b, c),
          UPDATE (b) ON a
          TO c;
        \(rest)
        revoke update (b) on a from c;
        """)
    let off = "SET LOCAL citus.enable_ddl_propagation = off;"
    let on = "SET LOCAL citus.enable_ddl_propagation = on;"
    #expect(
      file.scriptForCitus == """
        \(off)
        GRANT INSERT (b, c),
          UPDATE (b) ON a
          TO c;
        \(on)
        \(rest)
        \(off)
        revoke update (b) on a from c;
        \(on)
        """)
  }

  @Test("a shard's word about a constraint is understood as the table's")
  func constraints() {
    func name(_ field: String?, _ message: String, _ state: String = "23505") -> String? {
      PostgresError.constraint(named: field, sqlState: state, message: message)
    }
    let message = "duplicate key value violates unique constraint \"houses_pkey_102008\""
    #expect(name(nil, message) == "houses_pkey")
    #expect(name("houses_pkey_102008", message) == "houses_pkey")
    #expect(name("houses_pkey", "") == "houses_pkey")
    #expect(name("street_number_7", "") == "street_number_7")
    #expect(name(nil, "no such thing") == nil)
    #expect(name(nil, message, "42501") == nil)
  }

  @Test("a node that went away is a lost connection")
  func lostNode() {
    let message = "failure on connection marked as essential: 127.0.0.1:9701"
    #expect(PostgresError.state("XX000", message: message) == "08006")
    #expect(PostgresError.state("XX000", message: "cache lookup failed") == "XX000")
    #expect(PostgresError.state("23505", message: message) == "23505")
  }

  @Test("a database without the extension is refused, in words")
  func noExtension() async throws {
    try await withDatabase(schemas: [.sample([Self.tables])]) { database in
      let cluster = CitusCluster(
        connection: database.connection(role: "postgres"), schemas: ["sample"])
      let isCitus = try await cluster.isCitus()
      #expect(!isCitus)
      let refusal = await #expect(throws: CitusCluster.Refusal.self) { try await cluster.check() }
      #expect(refusal?.description.contains("has no extension citus: on every node") == true)
    }
  }
}
