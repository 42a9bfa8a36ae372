/// Nobody may do more than the service needs.
extension IsolationLint {
  private static let grantee = "coalesce(nullif(x.grantee, 0)::regrole::text, 'public')"

  private static func own(_ schema: String) -> String { "('\(schema)', '\(schema)_worker')" }

  /// Rights on tables, columns and sequences.
  static func grants(_ schema: String) -> [(String, String)] {
    [
      (
        "granted to somebody else, or more than rows",
        """
        select c.relname, a.attname, \(grantee), x.privilege_type
        from pg_class c
        cross join lateral (
          select null::name as attname, c.relacl as acl
          union all
          select attname, attacl from pg_attribute where attrelid = c.oid and attacl is not null
        ) a, aclexplode(a.acl) x
        where c.relnamespace = '\(schema)'::regnamespace and x.grantee <> c.relowner
        and (\(grantee) not in \(own(schema)) or x.is_grantable
          or x.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')
          or (c.relkind = 'S' and x.privilege_type = 'UPDATE'))
        """
      ),
      (
        "a sequence that is not the service's to draw from",
        """
        select c.relname, x.privilege_type from pg_class c, aclexplode(c.relacl) x
        where c.relnamespace = '\(schema)'::regnamespace and x.grantee = '\(schema)'::regrole
        and c.relname in ('job_fences', 'audit_log_audit_id_seq', 'events_event_id_seq')
        """
      ),
      (
        "what the database is to say can be said for it",
        """
        select c.relname, a.attname, r.name, p.name
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        cross join (values ('\(schema)'), ('\(schema)_worker')) r (name)
        cross join (values ('INSERT'), ('UPDATE')) p (name)
        where c.relnamespace = '\(schema)'::regnamespace
        and c.relname in ('audit_log', 'events')
        and a.attname in ('audit_id', 'event_id', 'transaction_id', 'created_at')
        and has_column_privilege(r.name, c.oid, a.attnum, p.name)
        """
      ),
    ]
  }

  /// Rights on the schema, on its functions, and on what will be made in it.
  static func openings(_ schema: String) -> [(String, String)] {
    [
      (
        "the schema is open to somebody else, or to be added to",
        """
        select \(grantee), x.privilege_type from pg_namespace n, aclexplode(n.nspacl) x
        where n.nspname = '\(schema)' and x.grantee <> n.nspowner
        and (\(grantee) not in \(own(schema)) or x.is_grantable or x.privilege_type <> 'USAGE')
        """
      ),
      (
        "a function that anybody or another service may call",
        """
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = '\(schema)'::regnamespace and (p.proacl is null or exists (
          select from aclexplode(p.proacl) x where x.grantee <> p.proowner
          and \(grantee) not in \(own(schema))))
        """
      ),
      (
        "what is made later would be open",
        """
        select d.defaclrole::regrole, d.defaclobjtype, \(grantee), x.privilege_type
        from pg_default_acl d, aclexplode(d.defaclacl) x
        where (d.defaclrole = '\(schema)_owner'::regrole
          or d.defaclnamespace = '\(schema)'::regnamespace)
        and not (d.defaclrole = '\(schema)_owner'::regrole and (x.grantee = d.defaclrole
          or (d.defaclnamespace = '\(schema)'::regnamespace and \(grantee) = '\(schema)'
            and not x.is_grantable
            and ((d.defaclobjtype = 'r' and x.privilege_type in
                ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
              or (d.defaclobjtype = 'S' and x.privilege_type = 'USAGE')))))
        """
      ),
    ]
  }

  /// Who may log in as what, and become what.
  static func roles(_ schema: String) -> [(String, String)] {
    let four = "('\(schema)', '\(schema)_owner', '\(schema)_migrate', '\(schema)_worker')"
    return [
      (
        "a role that passes policies, or may make others",
        """
        select rolname from pg_roles where rolname in \(four)
        and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)
        """
      ),
      (
        // On Citus a migration's commands reach the other nodes as the owner.
        "an owner who can log in",
        """
        select rolname from pg_roles where rolname = '\(schema)_owner' and rolcanlogin
        and not exists (select from pg_extension where extname = 'citus')
        """
      ),
      (
        "a role that can become another",
        """
        select m.member::regrole, 'as', m.roleid::regrole from pg_auth_members m
        where (m.member::regrole::text in \(four) or m.roleid::regrole::text in \(four))
        and not (m.member = '\(schema)_migrate'::regrole and m.roleid = '\(schema)_owner'::regrole
          and not m.admin_option)
        """
      ),
    ]
  }
}
