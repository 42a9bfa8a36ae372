/// The triggers of the coordinator's tables, such as those that keep the audit log from being changed.
///
/// Citus 12.1 rewrites a statement for such a table into one for the table's only shard, and gives the
/// shard no triggers: so each is made there again.
struct CitusTriggers {
  /// By table, commands with `CitusNodes.shard` for its shard.
  private let commands: [String: [String]]

  /// - Parameters:
  ///   - schemas: whose names were checked.
  ///   - session: as a superuser, in the services' database on the coordinator.
  init(of schemas: [String], in session: PlainConnection) throws {
    let list = schemas.map { "'\($0)'" }.joined(separator: ", ")
    let rows = try session.run(
      """
      select n.nspname || '.' || c.relname,
        replace(replace(pg_get_triggerdef(t.oid), 'CREATE TRIGGER', 'create or replace trigger'),
          format(' ON %I.%I ', n.nspname, c.relname), ' on \(CitusNodes.shard) ')
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
      join pg_namespace n on n.oid = c.relnamespace
      where not t.tgisinternal and n.nspname in (\(list))
      order by 1, t.tgname
      """)
    commands = rows.reduce(into: [:]) { commands, row in
      guard row.count == 2, let table = row[0], let command = row[1] else { return }
      commands[table, default: []].append(command)
    }
  }

  /// The command that brings them to a table's shard; none where the table has no triggers.
  func spreading(_ table: String) -> [String] {
    guard let commands = commands[table] else { return [] }
    let own = [CitusNodes.keepToItself] + commands.map { "\($0);" }
    return [
      "-- triggers of \(table) on its shard\n"
        + CitusNodes.onShards(of: table, CitusNodes.block(own.joined(separator: "\n  ")))
    ]
  }
}
