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
    #expect(
      layout.script() == [
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
        select citus_add_local_table_to_metadata('sample.events', \
        cascade_via_foreign_keys => true)
        """,
        """
        select citus_add_local_table_to_metadata('sample.jobs', \
        cascade_via_foreign_keys => true)
        """,
        "select create_distributed_function('sample.helps(bigint)')",
        "select truncate_local_data_after_distributing_table('sample.idempotency')",
        "select truncate_local_data_after_distributing_table('sample.owners')",
        "select truncate_local_data_after_distributing_table('sample.houses')",
      ])
  }

  @Test("what is distributed already stays, and the rest joins its group")
  func again() async throws {
    let layout = try await layout()
    let all = Set(layout.tables.map(\.name))
    let functions = "select create_distributed_function('sample.helps(bigint)')"
    #expect(layout.script(without: all) == [functions])
    #expect(
      layout.script(without: all.subtracting(["sample.houses"])) == [
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
