/// What `CitusLayout` asks the catalogue.
struct CitusCatalogue {
  let schemas: [String]
  let session: PlainConnection

  /// A table with the first column of its primary key.
  struct TableRow {
    let name: String
    let bareName: String
    let leadingColumn: String?
  }

  /// Names of schemas were checked, and can stand in the text.
  private var list: String { schemas.map { "'\($0)'" }.joined(separator: ", ") }

  func tables() throws -> [TableRow] {
    let rows = try session.run(
      """
      select n.nspname || '.' || c.relname, c.relname, a.attname
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      left join pg_index i on i.indrelid = c.oid and i.indisprimary
      left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
      where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in (\(list))
        and c.relname <> 'schema_migrations'
      order by 1
      """)
    return rows.compactMap { row in
      guard row.count == 3, let name = row[0], let bare = row[1] else { return nil }
      return TableRow(name: name, bareName: bare, leadingColumn: row[2])
    }
  }

  func foreignKeys() throws -> [ForeignKey] {
    let rows = try session.run(
      """
      select k.conname, n.nspname || '.' || c.relname, m.nspname || '.' || r.relname,
        (select string_agg(a.attname, ',' order by u.place)
          from unnest(k.conkey) with ordinality u (number, place)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number),
        (select string_agg(a.attname, ',' order by u.place)
          from unnest(k.confkey) with ordinality u (number, place)
          join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number),
        k.confupdtype, k.confdeltype
      from pg_constraint k
      join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_class r on r.oid = k.confrelid join pg_namespace m on m.oid = r.relnamespace
      where k.contype = 'f' and not c.relispartition and n.nspname in (\(list))
      order by 2, 1
      """)
    return rows.compactMap { row in
      let cells = row.compactMap { $0 }
      guard cells.count == 7 else { return nil }
      return ForeignKey(
        name: cells[0], table: cells[1], referenced: cells[2],
        columns: cells[3].split(separator: ",").map(String.init),
        referencedColumns: cells[4].split(separator: ",").map(String.init), onUpdate: cells[5],
        onDelete: cells[6])
    }
  }

  /// Functions that statements may call on a shard's node: all but those of triggers.
  func functions() throws -> [String] {
    try session.run(
      """
      select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where p.prokind = 'f' and p.prorettype <> 'trigger'::regtype and n.nspname in (\(list))
      order by 1
      """
    ).compactMap { $0.first ?? nil }
  }

  /// What the manual and the sources of Citus 12.1 say it refuses, or does not keep.
  func problems(_ places: [String: CitusLayout.Place], _ keys: [ForeignKey]) throws -> [String] {
    var found = keys.compactMap { problem(of: $0, places) }
    for (table, index, columns) in try triples(Self.uniqueIndexes) {
      guard let column = places[table]?.column else { continue }
      if !columns.split(separator: ",").contains(Substring(column)) {
        found.append("\(table): unique \(index) lacks \(column)")
      }
    }
    for (table, trigger, _) in try triples(Self.triggers) where places[table]?.column != nil {
      found.append("\(table): a distributed table cannot have trigger \(trigger)")
    }
    for (table, policy, _) in try triples(Self.policies) where places[table] != nil {
      found.append("\(table): policy \(policy) has a sub-select")
    }
    for (table, policy, _) in try triples(Self.restrictions) where places[table]?.column != nil {
      found.append("\(table): the nodes would take the restrictive policy \(policy) for another")
    }
    for (table, column, type) in try triples(Self.identities) where places[table] != nil {
      found.append("\(table): identity column \(column) is \(type), not bigint")
    }
    return found
  }

  private func problem(of key: ForeignKey, _ places: [String: CitusLayout.Place]) -> String? {
    // From the coordinator into shards it is dropped.
    guard let column = places[key.table]?.column else { return nil }
    guard let other = places[key.referenced]?.column else {
      return "\(key.table): \(key.name) leads to \(key.referenced), which is in no shard"
    }
    let pairs = zip(key.columns, key.referencedColumns)
    guard pairs.contains(where: { $0 == column && $1 == other }) else {
      return "\(key.table): \(key.name) lacks \(column)"
    }
    if !["a", "r"].contains(key.onUpdate) || ["n", "d"].contains(key.onDelete) {
      return "\(key.table): \(key.name) would change \(column)"
    }
    return nil
  }

  private func triples(_ sql: String) throws -> [(String, String, String)] {
    try session.run("\(sql) and n.nspname in (\(list)) order by 1, 2").compactMap { row in
      guard row.count == 3, let first = row[0], let second = row[1] else { return nil }
      return (first, second, row[2] ?? "")
    }
  }

  private static let uniqueIndexes = """
    select n.nspname || '.' || c.relname, x.relname,
      (select string_agg(a.attname, ',') from pg_attribute a
        where a.attrelid = c.oid and a.attnum = any (i.indkey))
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where (i.indisunique or i.indisexclusion) and not c.relispartition
    """
  private static let triggers = """
    select n.nspname || '.' || c.relname, t.tgname, ''
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not t.tgisinternal
    """
  private static let policies = """
    select n.nspname || '.' || c.relname, p.polname, ''
    from pg_policy p join pg_class c on c.oid = p.polrelid
    join pg_namespace n on n.oid = c.relnamespace
    where concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      ~* '\\mselect\\M'
    """
  private static let restrictions = """
    select n.nspname || '.' || c.relname, p.polname, ''
    from pg_policy p join pg_class c on c.oid = p.polrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not p.polpermissive
    """
  private static let identities = """
    select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, null)
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    where a.attidentity <> '' and a.atttypid <> 'bigint'::regtype
    """
}
