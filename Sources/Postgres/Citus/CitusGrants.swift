/// Who may do what with the tables of some schemas, as the coordinator has it.
///
/// Citus 12.1 leaves out what is granted by column, when it makes shards and when it makes a table of
/// the coordinator anew, and takes no such grant to the nodes later. So each is told again, exactly.
struct CitusGrants {
  /// By table, commands with `%s` for it.
  private let commands: [String: [String]]

  /// - Parameters:
  ///   - schemas: whose names were checked.
  ///   - session: as a superuser, in the services' database on the coordinator.
  init(of schemas: [String], in session: PlainConnection) throws {
    let list = schemas.map { "'\($0)'" }.joined(separator: ", ")
    let rows = try session.run(Self.select.replacing("$schemas", with: list))
    commands = rows.reduce(into: [:]) { commands, row in
      guard row.count == 2, let table = row[0], let command = row[1] else { return }
      commands[table, default: []].append(command)
    }
  }

  private static let select = """
    select n.nspname || '.' || c.relname,
      'grant ' || string_agg(g.privilege, ', ' order by g.privilege) || ' on %s to ' || g.role
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
      select lower(x.privilege_type) as privilege,
        case x.grantee when 0 then 'public' else x.grantee::regrole::text end as role
      from aclexplode(c.relacl) x where x.grantee <> c.relowner
      union all
      select lower(x.privilege_type) || ' ('
          || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')',
        case x.grantee when 0 then 'public' else x.grantee::regrole::text end
      from pg_attribute a cross join lateral aclexplode(a.attacl) x
      where a.attrelid = c.oid and not a.attisdropped and x.grantee <> c.relowner
      group by x.privilege_type, x.grantee
    ) g
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ($schemas)
    group by n.nspname, c.relname, g.role
    order by 1, 2
    """

  /// The command that makes a relation's grants those of a table, no more and no fewer, on the node
  /// where it runs.
  /// - Parameter relation: `CitusNodes.shard` where Citus puts the shard's name.
  func block(_ table: String, for relation: String) -> String {
    let grants = (commands[table] ?? []).map { $0.replacing("%s", with: relation) + ";" }
    let takeBack = """
      for other in
        select distinct case x.grantee when 0 then 'public' else x.grantee::regrole::text end
        from pg_class c
        cross join lateral (
          select c.relacl as acl union all
          select attacl from pg_attribute where attrelid = c.oid
        ) l
        cross join lateral aclexplode(l.acl) x
        where c.oid = '\(relation)'::regclass and x.grantee <> c.relowner
      loop
        execute 'revoke all on \(relation) from ' || other;
      end loop;
      """
    return """
      do $block$
      declare other text;
      begin
      \(CitusNodes.keepToItself)
      \(takeBack)
      \(grants.joined(separator: "\n"))
      end $block$
      """
  }

  /// The commands that bring them to each node's copies of a table.
  func spreading(_ table: String) -> [String] {
    [
      "-- grants of \(table) on the nodes\n" + CitusNodes.onWorkers(block(table, for: table)),
      "-- grants of \(table) on its shards\n"
        + CitusNodes.onShards(of: table, block(table, for: CitusNodes.shard)),
    ]
  }
}
