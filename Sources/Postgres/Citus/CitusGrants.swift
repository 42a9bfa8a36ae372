/// Who may do what with the tables of some schemas, as the coordinator has it.
///
/// Citus 12.1 leaves out what is granted by column, when it makes shards and when it makes a table of
/// the coordinator anew, and takes no such grant to the nodes later. So each is told again, exactly.
struct CitusGrants {
  /// By table, commands with `%s` for it.
  private let commands: [String: [String]]
  /// By table, commands for the sequences of its columns.
  private let sequences: [String: [String]]

  /// - Parameters:
  ///   - schemas: whose names were checked.
  ///   - session: as a superuser, in the services' database on the coordinator.
  init(of schemas: [String], in session: PlainConnection) throws {
    let list = schemas.map { "'\($0)'" }.joined(separator: ", ")
    func read(_ sql: String) throws -> [String: [String]] {
      try session.run(sql.replacing("$schemas", with: list)).reduce(into: [:]) { commands, row in
        guard row.count == 2, let table = row[0], let command = row[1] else { return }
        commands[table, default: []].append(command)
      }
    }
    commands = try read(Self.select)
    sequences = try read(Self.selectSequences)
  }

  private static let selectSequences = """
    select n.nspname || '.' || c.relname,
      'grant ' || string_agg(lower(x.privilege_type), ', ' order by x.privilege_type)
        || ' on sequence ' || n.nspname || '.' || s.relname || ' to ' || x.grantee::regrole
    from pg_class s
    join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid
      and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    join pg_class c on c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace
    cross join lateral aclexplode(s.relacl) x
    where s.relkind = 'S' and x.grantee not in (0, s.relowner) and n.nspname in ($schemas)
    group by n.nspname, c.relname, s.relname, x.grantee
    order by 1, 2
    """

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
    // Citus writes the defaults of all columns into a shard: there who may insert some may insert all.
    // What a statement names is held against the table itself.
    let isShard = relation == CitusNodes.shard
    let grants = (commands[table] ?? []).map { command in
      let own = isShard ? command.replacing(/insert \([^)]*\)/, with: "insert") : command
      return own.replacing("%s", with: relation) + ";"
    }
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

  /// The commands that grant what was granted of a table's sequences: they are made anew with it.
  func ofSequences(_ table: String) -> [String] { sequences[table] ?? [] }

  /// The commands that bring them to each node's copies of a table.
  func spreading(_ table: String) -> [String] {
    [
      "-- grants of \(table) on the nodes\n" + CitusNodes.onWorkers(block(table, for: table)),
      "-- grants of \(table) on its shards\n"
        + CitusNodes.onShards(of: table, block(table, for: CitusNodes.shard)),
    ]
  }
}
