/// Makes the database, and each service's roles and schema, as a superuser. It changes nothing
/// where all is as it should be, so it runs before every migration.
///
/// For a service `identity`: `identity` (its login), `identity_owner` (owns the schema, nobody logs
/// in as it), `identity_migrate` (its login may become the owner), `identity_worker` (feeds and
/// jobs, which cross tenants under policies of their own). None of them may pass row-level
/// security, and none owns what it reads. On Citus owners log in: a migration's commands reach the
/// other nodes as who gave them.
public struct Bootstrap: Sendable {
  private let maintenance: String
  private let database: String
  private let schemas: [String]
  private let citus: Bool

  /// - Parameters:
  ///   - maintenance: a superuser's libpq connection string, to the database `postgres`.
  ///   - database: the database to make, `clientele` for instance.
  ///   - schemas: one per service, `client_directory` for instance.
  ///   - citus: whether it is a Citus cluster: owners log in, and it plans by the values of
  ///     parameters.
  public init(
    maintenance: String, database: String, schemas: [String], citus: Bool = false
  ) {
    self.maintenance = maintenance
    self.database = database
    self.schemas = schemas
    self.citus = citus
  }

  /// Makes what is missing.
  /// - Throws: `MigrationError.malformedSchema`; `PostgresError`.
  public func run() async throws {
    for name in schemas + [database] { try Self.check(schema: name) }
    let inside = "\(maintenance) dbname=\(database)"
    try await PlainConnection.withSession(maintenance) { session in
      // Roles belong to the whole cluster, and two makers at once would trip over each other.
      try session.run("select pg_advisory_lock(hashtextextended('clientele.bootstrap', 0))")
      let isThere = try session.run("select 1 from pg_database where datname = '\(database)'")
      if isThere.isEmpty { try session.run("create database \(database)") }
      if !citus {
        for schema in schemas { try session.run(CitusNodes.block(roles(of: schema))) }
      }
      try session.run("select pg_advisory_unlock(hashtextextended('clientele.bootstrap', 0))")
    }
    try await PlainConnection.withSession(inside) { session in
      try session.run("select pg_advisory_lock(hashtextextended('clientele.bootstrap', 0))")
      if citus {
        for schema in schemas { try spread(roles(of: schema), session) }
      }
      try session.run("revoke all on schema public from public")
      for schema in schemas { try session.run(Self.schema(schema)) }
    }
  }

  /// Citus takes roles to its nodes only from where it is loaded, and never those it did not see
  /// being made: so each node makes its own first, and nodes to come get them from Citus.
  private func spread(_ roles: String, _ session: PlainConnection) throws {
    let own = CitusNodes.block("\(CitusNodes.keepToItself)\n\(roles)")
    try session.run(CitusNodes.onWorkers(own))
    try session.run(CitusNodes.block(roles))
  }

  /// Names go into SQL as they are, so they are checked first.
  static func check(schema: String) throws {
    let isName = schema.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
    }
    guard isName, (1...50).contains(schema.utf8.count), schema.first?.isLetter == true else {
      throw MigrationError.malformedSchema(schema)
    }
  }

  private static let restraints =
    "nosuperuser nobypassrls nocreatedb nocreaterole noreplication noinherit"

  private func roles(of schema: String) -> String {
    let logins = [schema, "\(schema)_migrate", "\(schema)_worker"]
    var script = logins.map { Self.role($0, "login") }.joined()
    script += Self.role("\(schema)_owner", citus ? "login" : "nologin")
    script += "grant \(schema)_owner to \(schema)_migrate;\n"
    for login in logins {
      for setting in Self.settings(schema) { script += "alter role \(login) set \(setting);\n" }
    }
    for login in [schema, "\(schema)_worker"] {
      script += "alter role \(login) set statement_timeout = '5s';\n"
      script += "alter role \(login) set lock_timeout = '1s';\n"
      script += "alter role \(login) set jit = off;\n"
    }
    script += "alter role \(schema)_migrate set deadlock_timeout = '\(Migrator.deadlockTimeout)';\n"
    // Statements are written to have one good plan, whatever the values, and tests look at that one.
    // Left to itself PostgreSQL plans a list anew each time: it takes `limit $n` for a tenth of all.
    let plans = citus ? "reset plan_cache_mode" : "set plan_cache_mode = force_generic_plan"
    script += "alter role \(schema) \(plans);\n"
    return script
  }

  private static func role(_ name: String, _ login: String) -> String {
    """
    if not exists (select from pg_roles where rolname = '\(name)') then
      create role \(name) \(login);
    end if;
    alter role \(name) with \(login) \(restraints);

    """
  }

  private static func settings(_ schema: String) -> [String] {
    [
      "search_path = \(schema)", "idle_in_transaction_session_timeout = '5s'",
      "client_connection_check_interval = '1s'", "row_security = on", "timezone = 'UTC'",
      // No personal data in the server's log, and messages that code can compare.
      "log_parameter_max_length = 0", "log_parameter_max_length_on_error = 0",
      "lc_messages = 'C'",
    ]
  }

  private static func schema(_ schema: String) -> String {
    """
    create schema if not exists \(schema) authorization \(schema)_owner;
    grant usage on schema \(schema) to \(schema), \(schema)_worker;
    alter default privileges for role \(schema)_owner in schema \(schema)
      grant select, insert, update, delete on tables to \(schema);
    alter default privileges for role \(schema)_owner in schema \(schema)
      grant usage on sequences to \(schema);
    alter default privileges for role \(schema)_owner revoke execute on functions from public;
    """
  }
}
