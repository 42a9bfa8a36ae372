import FoundationEssentials

/// Reads the plans of statements, for `Database.describe`.
struct StatementInspector {
  private let session: PlainConnection
  private let large: Set<String>
  /// Of each B-tree of a large table, by its name, the table and the first column.
  private let indexes: [String: (table: String, leading: String)]

  /// - Throws: `PostgresError`; `decoding` for a table that is not there.
  init(_ session: PlainConnection, largeTables: [String]) throws(PostgresError) {
    self.session = session
    try session.run("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
    var large: Set<String> = []
    var indexes: [String: (table: String, leading: String)] = [:]
    for table in largeTables {
      // Plans name partitions, not what they are parts of.
      let rows = try session.run(
        """
        with recursive parts as (
          select to_regclass($1)::oid as id where to_regclass($1) is not null
          union all select inhrelid from pg_inherits join parts on inhparent = id)
        select t.relname, i.relname, a.attname
        from parts join pg_class t on t.oid = id
        left join (pg_index x join pg_class i on i.oid = x.indexrelid
          join pg_am m on m.oid = i.relam and m.amname = 'btree'
          join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
        ) on x.indrelid = t.oid
        """, [table])
      guard !rows.isEmpty else { throw .decoding("there is no table \(table) to be marked large") }
      for row in rows {
        guard let name = row[0] else { continue }
        large.insert(name)
        if let index = row[1], let leading = row[2] { indexes[index] = (name, leading) }
      }
    }
    self.large = large
    self.indexes = indexes
  }

  /// Where a statement would read all of a large table.
  func scans(of sql: String) throws(PostgresError) -> [String] {
    guard !large.isEmpty, let plan = try plan(of: sql) else { return [] }
    var found: [String] = []
    plan.walk { node in
      if let index = node.index.flatMap({ indexes[$0] }), node.skips(index.leading) {
        found.append("a passing over the whole index of \(index.table)")
      }
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
  let index: String?
  let indexCondition: String?
  let filter: String?
  let plans: [PlanNode]?

  enum CodingKeys: String, CodingKey {
    case kind = "Node Type"
    case relation = "Relation Name"
    case schema = "Schema"
    case place = "Parent Relationship"
    case join = "Join Type"
    case index = "Index Name"
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

  /// Whether it looks for columns of an index and not for the first one, so that all of it is read.
  func skips(_ leading: String) -> Bool {
    guard let indexCondition else { return false }
    return !indexCondition.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
      .contains(Substring(leading))
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
