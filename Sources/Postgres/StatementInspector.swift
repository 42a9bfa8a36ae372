import FoundationEssentials

/// Reads the plans of statements, for `Database.describe`.
struct StatementInspector {
  private let session: PlainConnection
  private let large: Set<String>

  /// - Throws: `PostgresError`; `decoding` for a table that is not there.
  init(_ session: PlainConnection, largeTables: [String]) throws(PostgresError) {
    self.session = session
    try session.run("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
    var large: Set<String> = []
    for table in largeTables {
      // Plans name partitions, not what they are parts of.
      let rows = try session.run(
        """
        with recursive parts as (
          select to_regclass($1)::oid as id where to_regclass($1) is not null
          union all select inhrelid from pg_inherits join parts on inhparent = id)
        select relname from pg_class join parts on pg_class.oid = id
        """, [table])
      guard !rows.isEmpty else { throw .decoding("there is no table \(table) to be marked large") }
      for row in rows { if let name = row.first.flatMap({ $0 }) { large.insert(name) } }
    }
    self.large = large
  }

  /// Where a statement would read all of a large table.
  func scans(of sql: String) throws(PostgresError) -> [String] {
    guard !large.isEmpty, let plan = try plan(of: sql) else { return [] }
    var found: [String] = []
    plan.walk { node in
      guard let relation = node.relation, large.contains(relation) else { return }
      if let complaint = node.complaint { found.append("\(complaint) of \(relation)") }
    }
    return found
  }

  /// The generic plan; nil for what has none, such as BEGIN.
  func plan(of sql: String) throws(PostgresError) -> PlanNode? {
    let words = sql.lowercased().split { !$0.isLetter }
    guard let first = words.first, ["select", "insert", "update", "delete", "with"].contains(first)
    else { return nil }
    let count = try session.prepareInspected(sql)
    let arguments =
      count == 0
      ? "" : "(" + [String](repeating: "null", count: count).joined(separator: ", ") + ")"
    let rows: [[String?]]
    do throws(PostgresError) {
      rows = try session.run("explain (format json, verbose) execute inspected\(arguments)")
    } catch {
      _ = try? session.run("deallocate inspected")
      throw error
    }
    try session.run("deallocate inspected")
    let text = rows.compactMap { $0.first.flatMap { $0 } }.joined(separator: "\n")
    do {
      return try JSONDecoder().decode([Explained].self, from: Data(text.utf8)).first?.plan
    } catch {
      throw .decoding("a plan that is not understood: \(text)")
    }
  }

  private struct Explained: Decodable {
    let plan: PlanNode
    enum CodingKeys: String, CodingKey { case plan = "Plan" }
  }
}

/// A node of a plan, as EXPLAIN writes it.
struct PlanNode: Decodable {
  let kind: String
  let relation: String?
  let schema: String?
  let place: String?
  let join: String?
  let indexCondition: String?
  let filter: String?
  let plans: [PlanNode]?

  enum CodingKeys: String, CodingKey {
    case kind = "Node Type"
    case relation = "Relation Name"
    case schema = "Schema"
    case place = "Parent Relationship"
    case join = "Join Type"
    case indexCondition = "Index Cond"
    case filter = "Filter"
    case plans = "Plans"
  }

  func walk(_ body: (PlanNode) -> Void) {
    body(self)
    for plan in plans ?? [] { plan.walk(body) }
  }

  /// How it reads a table as a whole, if it does.
  var complaint: String? {
    switch kind {
    case "Seq Scan", "Parallel Seq Scan", "Sample Scan": "a sequential scan"
    case "Index Scan", "Index Only Scan":
      indexCondition == nil && filter != nil ? "a sifting of the whole index" : nil
    default: nil
    }
  }

  /// Tables, as `schema.name`, of which each use stands on the optional side of an outer join.
  var optionalTables: Set<String> {
    var optional: Set<String> = []
    var certain: Set<String> = []
    gather(isOptional: false, &optional, &certain)
    return optional.subtracting(certain)
  }

  private func gather(
    isOptional: Bool, _ optional: inout Set<String>, _ certain: inout Set<String>
  ) {
    if let relation, let schema {
      if isOptional {
        optional.insert("\(schema).\(relation)")
      } else {
        certain.insert("\(schema).\(relation)")
      }
    }
    for plan in plans ?? [] {
      let loses =
        switch join {
        case "Left": plan.place == "Inner"
        case "Right": plan.place == "Outer"
        case "Full": true
        default: false
        }
      plan.gather(isOptional: isOptional || loses, &optional, &certain)
    }
  }
}
