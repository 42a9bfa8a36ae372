import Postgres

/// Whether the catalogue shows that a schema keeps tenants apart: forced row-level security with a
/// policy on each table that has `organization_id`, keys that start with it, no grant to another
/// service's roles, no view or function that would go around the policies.
public enum IsolationLint {
  /// One line a problem; none when all is as it should be.
  /// - Parameters:
  ///   - schema: the service's, such as `client_directory`.
  ///   - connection: a superuser's libpq connection string.
  public static func problems(of schema: String, connection: String) async throws -> [String] {
    try await PlainConnection.withSession(connection) { session in
      try queries(schema).flatMap { what, sql in
        try session.run(sql).map { row in
          "\(what): \(row.map { $0 ?? "" }.joined(separator: " "))"
        }
      }.sorted()
    }
  }

  /// Each query answers one row per problem.
  private static func queries(_ schema: String) -> [(String, String)] {
    tenancy(schema) + grants(schema) + forms(schema)
  }

  /// Rows belong to an organisation, and keys and policies say so.
  private static func tenancy(_ schema: String) -> [(String, String)] {
    let tenants = """
      select c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity, a.attnum, a.attnotnull
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = '\(schema)'::regnamespace and c.relkind in ('r', 'p')
        and a.attname = 'organization_id' and not a.attisdropped
      """
    // The feed and the audit log are ordered over all tenants; their policies let only the worker
    // read them.
    let keyed = """
      select t.oid, t.relname, t.attnum, t.attnotnull from (\(tenants)) t
      where t.relname not in ('events', 'audit_log')
      """
    return [
      (
        "row-level security is not forced",
        "select relname from (\(tenants)) t where not (relrowsecurity and relforcerowsecurity)"
      ),
      (
        "no policy compares organization_id with the setting",
        """
        select relname from (\(tenants)) t where not exists (
          select from pg_policy p where p.polrelid = t.oid
          and coalesce(pg_get_expr(p.polwithcheck, p.polrelid), pg_get_expr(p.polqual, p.polrelid))
            like '%clientele.organization_id%')
        """
      ),
      (
        "a policy lets the service itself pass without the setting",
        """
        select t.relname, p.polname from (\(tenants)) t join pg_policy p on p.polrelid = t.oid
        where (0 = any (p.polroles) or '\(schema)'::regrole = any (p.polroles))
        and coalesce(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
          not like '%clientele.%'
        """
      ),
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

  /// Nobody may do more than the service needs.
  private static func grants(_ schema: String) -> [(String, String)] {
    [
      (
        "granted to somebody else, or more than rows",
        """
        select c.relname, coalesce(nullif(x.grantee, 0)::regrole::text, 'public'), x.privilege_type
        from pg_class c, aclexplode(c.relacl) x
        where c.relnamespace = '\(schema)'::regnamespace and x.grantee <> c.relowner
        and (x.grantee = 0 or x.grantee::regrole::text not in ('\(schema)', '\(schema)_worker')
          or x.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER'))
        """
      ),
      (
        "a function that anybody or another service may call",
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = '\(schema)'::regnamespace and (p.proacl is null or exists (
          select from aclexplode(p.proacl) x where x.grantee = 0 or x.grantee <> p.proowner
          and x.grantee::regrole::text not in ('\(schema)', '\(schema)_worker')))
        """
      ),
      (
        "a SECURITY DEFINER function without a pinned search_path",
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = '\(schema)'::regnamespace and p.prosecdef
        and not exists (select from unnest(p.proconfig) s where s like 'search_path=%')
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
        "a role that passes policies or owns what it reads",
        """
        select rolname from pg_roles where rolname like '\(schema)%' and (rolsuper or rolbypassrls)
        union all
        select relname from pg_class where relnamespace = '\(schema)'::regnamespace
        and relowner <> '\(schema)_owner'::regrole
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
