/// Where each table of some schemas lives on a Citus cluster, read from the catalogue of a migrated
/// database, be it on Citus or on plain PostgreSQL.
///
/// A table whose primary key begins with `organization_id` is distributed by it, first answers by
/// their scope, all in one colocation group, so that an organisation's rows and all that is joined
/// with them lie on one node. Whatever else a transaction may write beside them stays on the
/// coordinator, in Citus' metadata: only there does Citus see that the coordinator takes part, and
/// commits in two phases. A feed's events are such a table, since a position counts the
/// transactions of one node, and so are the queues, since rows of several shards cannot be claimed
/// with SKIP LOCKED.
public struct CitusLayout: Sendable {
  /// Where a table lives.
  public enum Place: Sendable, Hashable {
    /// In shards, by the hash of a column.
    case shards(by: String)
    /// On the coordinator, in Citus' metadata.
    case coordinator
  }

  /// One table.
  public struct Table: Sendable, Hashable {
    /// `client_directory.clients`.
    public let name: String
    /// Where it lives.
    public let place: Place
  }

  /// Every table but the migrations' own, those that others refer to first.
  public let tables: [Table]
  /// What Citus 12.1 would refuse, a line each; empty when all is well.
  public let problems: [String]
  private let functions: [String]
  private let grants: CitusGrants
  private let triggers: CitusTriggers
  /// Foreign keys from the coordinator into shards, which Citus cannot keep.
  private let severed: [ForeignKey]
  /// The tables of the coordinator that foreign keys tie to each, directly or not.
  private let tied: [String: Set<String>]

  /// What workers claim across organisations, without the schema, with what hangs on it.
  private static let queues: Set<String> = [
    "jobs", "dead_jobs", "messages", "delivery_attempts",
  ]

  private static let cascade = "cascade_via_foreign_keys => true"

  /// Reads the catalogue.
  /// - Parameters:
  ///   - schemas: which take part; identity, which is keyed by person, does not.
  ///   - session: as a superuser, in the services' database.
  public init(of schemas: [String], in session: PlainConnection) throws {
    for schema in schemas { try Bootstrap.check(schema: schema) }
    let catalogue = CitusCatalogue(schemas: schemas, session: session)
    let keys = try catalogue.foreignKeys()
    var places: [String: Place] = [:]
    for table in try catalogue.tables() { places[table.name] = Self.place(of: table) }
    tables = Self.parentsFirst(Set(places.keys), keys).compactMap { name in
      places[name].map { Table(name: name, place: $0) }
    }
    severed = keys.filter { key in
      places[key.table] == .coordinator && places[key.referenced]?.column != nil
    }
    tied = Self.ties(places, keys)
    functions = try catalogue.functions()
    grants = try CitusGrants(of: schemas, in: session)
    triggers = try CitusTriggers(of: schemas, in: session)
    problems = try catalogue.problems(places, keys)
  }

  private static func place(of table: CitusCatalogue.TableRow) -> Place {
    if queues.contains(table.bareName) { return .coordinator }
    switch table.leadingColumn {
    case "organization_id": return .shards(by: "organization_id")
    case "scope" where table.bareName == "idempotency": return .shards(by: "scope")
    default: return .coordinator
    }
  }

  private static func parentsFirst(_ names: Set<String>, _ keys: [ForeignKey]) -> [String] {
    var waiting = names.sorted()
    var done: [String] = []
    while let next = waiting.firstIndex(where: { name in
      keys.allSatisfy { key in
        key.table != name || key.referenced == name || !waiting.contains(key.referenced)
      }
    }) ?? waiting.indices.first {
      done.append(waiting.remove(at: next))
    }
    return done
  }

  private static func ties(
    _ places: [String: Place], _ keys: [ForeignKey]
  ) -> [String: Set<String>] {
    var groups = places.filter { $0.value == .coordinator }.mapValues { _ in Set<String>() }
    for name in groups.keys { groups[name] = [name] }
    for key in keys {
      guard let left = groups[key.table], let right = groups[key.referenced] else { continue }
      let both = left.union(right)
      for name in both { groups[name] = both }
    }
    return groups
  }

  /// The commands that bring a database there, each a transaction of its own.
  /// - Parameters:
  ///   - done: tables that Citus knows already.
  ///   - left: those of them of which rows stayed behind on the coordinator.
  public func script(without done: Set<String> = [], left: Set<String> = []) -> [String] {
    let pending = tables.filter { !done.contains($0.name) }
    var script = severed.filter { !done.contains($0.table) }.map {
      "alter table \($0.table) drop constraint \($0.name)"
    }
    var anchor = tables.first { $0.place.column != nil && done.contains($0.name) }?.name
    for table in pending {
      guard let column = table.place.column else { continue }
      script.append(
        """
        select create_distributed_table('\(table.name)', '\(column)', \
        colocate_with => '\(anchor ?? "none")')
        """)
      anchor = anchor ?? table.name
    }
    // A table takes those along that it is tied to by foreign keys.
    var taken: Set<String> = []
    for table in pending where table.place == .coordinator && !taken.contains(table.name) {
      let group = (tied[table.name] ?? []).union([table.name])
      script.append(adding(table.name, with: group.sorted()))
      taken.formUnion(group)
    }
    script += functions.map { "select create_distributed_function('\($0)')" }
    // What was there before has been copied into the shards, and must not stay behind.
    script += tables.filter { table in
      table.place.column != nil && (!done.contains(table.name) || left.contains(table.name))
    }.map { "select truncate_local_data_after_distributing_table('\($0.name)')" }
    return script + tables.flatMap { grants.spreading($0.name) }
      + tables.filter { $0.place == .coordinator }.flatMap { triggers.spreading($0.name) }
  }

  /// The table that is made anew takes over the grants of the one that becomes its shard before
  /// anybody sees it.
  private func adding(_ table: String, with group: [String]) -> String {
    (["begin", "select citus_add_local_table_to_metadata('\(table)', \(Self.cascade))"]
      + group.map { grants.block($0, for: $0) } + group.flatMap(grants.ofSequences)
      + ["commit"]).joined(separator: ";\n")
  }
}

extension CitusLayout.Place {
  /// The distribution column; nil on the coordinator.
  public var column: String? {
    if case .shards(let column) = self { column } else { nil }
  }
}

/// A foreign key as the catalogue has it.
struct ForeignKey: Sendable, Hashable {
  let name: String
  let table: String
  let referenced: String
  let columns: [String]
  let referencedColumns: [String]
  /// `a` nothing, `r` restrict, `c` cascade, `n` set null, `d` set default.
  let onUpdate: String
  let onDelete: String
}
