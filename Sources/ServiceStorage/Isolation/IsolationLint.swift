import Postgres

/// Whether the catalogue shows that a schema keeps tenants apart: forced row-level security on every
/// table but a few that are named, policies that are among the known ones word by word, keys that
/// start with the organisation, no right or role that another service could use, no view or function
/// that would go around the policies.
public enum IsolationLint {
  /// One line a problem; none when all is as it should be.
  /// - Parameters:
  ///   - schema: the service's, such as `client_directory`.
  ///   - connection: a superuser's libpq connection string.
  ///   - open: further tables that need no policies; for tests.
  public static func problems(
    of schema: String, connection: String, open: Set<String> = []
  ) async throws -> [String] {
    try await PlainConnection.withSession(connection) { session in
      // Texts of the catalogue depend on both.
      try session.run("set search_path = pg_catalog; set intervalstyle = postgres")
      let found = try queries(schema).flatMap { what, sql in
        try session.run(sql).map { row in
          "\(what): \(row.map { $0 ?? "" }.joined(separator: " "))"
        }
      }
      let guarded = try TableGuards(of: schema, in: session).problems(besides: open)
      return (found + guarded).sorted()
    }
  }

  /// Each query answers one row per problem.
  private static func queries(_ schema: String) -> [(String, String)] {
    tenancy(schema) + grants(schema) + openings(schema) + forms(schema) + roles(schema)
  }

  /// Rows belong to an organisation, and keys say so.
  private static func tenancy(_ schema: String) -> [(String, String)] {
    // The feed and the audit log are ordered over all tenants; their policies let only the worker
    // read them.
    let keyed = """
      select c.oid, c.relname, a.attnum, a.attnotnull
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = '\(schema)'::regnamespace and c.relkind in ('r', 'p')
        and a.attname = 'organization_id' and not a.attisdropped
        and c.relname not in ('events', 'audit_log')
      """
    return [
      (
        "organization_id may be NULL",
        "select relname from (\(keyed)) t where not attnotnull"
      ),
      (
        "a unique key does not start with organization_id",
        """
        select t.relname, i.indexrelid::regclass from (\(keyed)) t
        join pg_index i on i.indrelid = t.oid where i.indisunique and i.indkey[0] <> t.attnum
        """
      ),
      (
        "a foreign key between tenant tables does not start with organization_id",
        """
        select t.relname, k.conname from (\(keyed)) t join (\(keyed)) u on true
        join pg_constraint k on k.conrelid = t.oid and k.confrelid = u.oid
        where k.contype = 'f' and k.conkey[1] <> t.attnum
        """
      ),
    ]
  }

  /// Views, owners and names.
  private static func forms(_ schema: String) -> [(String, String)] {
    [
      (
        "a view that goes around the policies",
        """
        select relname from pg_class where relnamespace = '\(schema)'::regnamespace
        and (relkind = 'm' or (relkind = 'v'
          and not coalesce(reloptions @> array['security_invoker=true'], false)))
        """
      ),
      (
        "not the owner's",
        """
        select relname from pg_class where relnamespace = '\(schema)'::regnamespace
        and relowner <> '\(schema)_owner'::regrole
        union all
        select oid::regprocedure::text from pg_proc where pronamespace = '\(schema)'::regnamespace
        and proowner <> '\(schema)_owner'::regrole
        union all
        select nspname from pg_namespace
        where nspname = '\(schema)' and nspowner <> '\(schema)_owner'::regrole
        """
      ),
      (
        "a function that runs as its owner, without a search_path of the schema and nothing else",
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = '\(schema)'::regnamespace and p.prosecdef
        and not coalesce(p.proconfig && array['search_path=\(schema), pg_temp',
          'search_path=pg_catalog, \(schema), pg_temp'], false)
        """
      ),
      (
        "a constraint with a made-up name",
        """
        select conrelid::regclass, conname from pg_constraint
        where connamespace = '\(schema)'::regnamespace and contype in ('c', 'f', 'u')
        and conname ~ '(_check|_fkey|_key)[0-9]+$'
        """
      ),
    ]
  }
}
