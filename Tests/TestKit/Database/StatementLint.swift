import Foundation
public import Postgres

/// Has PostgreSQL check every statement of a service, those of the rooms Feed and ServiceStorage
/// included, against the tables its migrations make, and compares the columns with the rows they are
/// read into. The statements are found in the sources, so that none is forgotten: whatever type holds
/// a `Statement` is a `Table` that lists it.
///
/// Columns that may be NULL must be read as optionals, and no statement may read a large table as a
/// whole. Plans are the superuser's, so that no policy hides what a statement forgot to say.
/// - Parameters:
///   - service: its folder, such as `client-directory`.
///   - database: with the service's migrations.
///   - large: tables that grow with the clients, beside those that every service has.
///   - sweeps: what some statements say that read one as a whole all the same, and why they may.
/// - Throws: `StatementProblems`.
public func assertStatementsFit(
  _ service: String, in database: TestDatabase, large: [String],
  sweeps: [(says: String, because: String)] = []
) async throws {
  var lines: [String] = []
  var tables: [any Table.Type] = []
  for room in [StatementLint.room(of: service)] + StatementLint.shared {
    let found = try StatementLint.tables(room)
    lines += found.problems
    tables += found.tables
  }
  try await assertStatementsFit(
    tables, on: service, in: database, large: large + StatementLint.sharedLarge,
    sweeps: sweeps + StatementLint.sharedSweeps, lines: lines)
}

/// Has PostgreSQL check every statement that a tool runs beside the services. Temporary tables that
/// statements make and others take from are there.
/// - Parameters:
///   - folder: its sources, and `module` what is made of them.
///   - schemas: on which service's tables each type that holds statements works, with the tables of
///     it that grow with the clients.
/// - Throws: `StatementProblems`.
public func assertToolStatementsFit(
  _ folder: String, module: String,
  schemas: [(service: String, tables: [any Table.Type], large: [String])]
) async throws {
  let found = try StatementLint.tables(StatementLint.Room(folder: folder, module: module))
  var lines = found.problems
  let placed = Set(schemas.flatMap(\.tables).map { "\($0)" })
  for table in found.tables where !placed.contains("\(table)") {
    lines.append("\(table) works on nobody's tables")
  }
  for (service, tables, large) in schemas {
    try await withDatabase(service) { database in
      for statement in tables.flatMap({ $0.statements }) {
        guard statement.text.sql.hasPrefix("create temporary table ") else { continue }
        try await database.sql(
          "set search_path = \(database.schema);"
            + statement.text.sql.replacing("create temporary", with: "create")
            .replacing("on commit drop", with: ""))
      }
      try await assertStatementsFit(
        tables, on: service, in: database, large: large, sweeps: [], lines: lines)
    }
  }
}

/// Checks what types list; `lines` are problems found before.
private func assertStatementsFit(
  _ tables: [any Table.Type], on service: String, in database: TestDatabase, large: [String],
  sweeps: [(says: String, because: String)], lines: [String]
) async throws {
  var lines = lines
  let planner = try database.database(role: "postgres") {
    $0.connection += " options='-c search_path=\(service.replacing("-", with: "_"))'"
  }
  let found = try await planner.describe(
    tables.flatMap { $0.statements }, nullability: true, largeTables: large)
  lines += found.filter { line in
    !sweeps.contains { line.contains(" of ") && line.contains($0.says) }
  }
  for sweep in sweeps where !found.contains(where: { $0.contains(sweep.says) }) {
    lines.append("nothing to excuse any more: \(sweep.says)")
  }
  if !lines.isEmpty { throw StatementProblems(lines: lines) }
}

/// Statements that do not fit, or that nobody lists.
public struct StatementProblems: Error, CustomStringConvertible {
  /// One line each.
  public let lines: [String]

  /// All lines.
  public var description: String { lines.joined(separator: "\n") }
}

/// Finds the types that hold statements.
enum StatementLint {
  /// A folder of sources, and the module made of it.
  struct Room {
    let folder: String
    let module: String
  }

  /// What every service links, and has the tables for.
  static let shared = ["Feed", "ServiceStorage"].map { Room(folder: "Sources/\($0)", module: $0) }
  /// The tables of those that grow with calls, or with time.
  static let sharedLarge = [
    "events", "jobs", "dead_jobs", "idempotency", "audit_log", "audit_seals", "alerts",
    "feed_parked",
  ]
  static let sharedSweeps = [
    "from dead_jobs order by died_at, job_id limit $1",
    "with back as (delete from dead_jobs where job_id = $1 returning *)",
    "delete from dead_jobs where job_id = $1 returning queue",
    "from jobs where failure <> '' order by created_at, job_id limit $1",
  ].map { (says: $0, because: "an operator asks, of what waits for operators") }

  /// The room of a service.
  static func room(of service: String) -> Room {
    Room(
      folder: "services/\(service)/Service",
      module: service.split(separator: "-").map(\.capitalized).joined() + "Core")
  }

  /// The types of a room that hold statements, in the order of their names, and what is wrong with
  /// their lists.
  static func tables(_ room: Room) throws -> (tables: [any Table.Type], problems: [String]) {
    let holders = try holders(room)
    var tables: [any Table.Type] = []
    var problems = holders.isEmpty ? ["no statement of \(room.module) was found"] : []
    for (holder, count) in holders.sorted(by: { $0.key < $1.key }) {
      guard let table = type(holder, in: room.module) as? any Table.Type else {
        problems.append("\(holder) holds statements and is no Table")
        continue
      }
      let listed = Set(table.statements.map(\.text))
      if listed.count < count {
        problems.append("\(holder) declares \(count) statements, and lists \(listed.count)")
      }
      tables.append(table)
    }
    return (tables, problems)
  }

  /// How many statements each type of a room's sources makes, by the type's name.
  static func holders(_ room: Room) throws -> [String: Int] {
    let folder = Checkout.root.appending(path: room.folder)
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    return try (files?.allObjects ?? []).compactMap { $0 as? URL }
      .filter { $0.pathExtension == "swift" && !$0.path.contains("/Generated/") }
      .reduce(into: [:]) { counts, file in
        count(try String(contentsOf: file, encoding: .utf8), into: &counts)
      }
  }

  /// Every statement that the tables of a service list, room by room, in the order of their names.
  static func texts(of service: String) throws -> [StatementText] {
    try ([room(of: service)] + shared).flatMap { room in
      try tables(room).tables.flatMap { $0.statements.map(\.text) }
    }
  }

  private static let word = Array("Statement".utf8)
  private static var declaration: Regex<(Substring, Substring)> {
    /(?:public |private |fileprivate |final )*(?:struct|enum|class|actor|extension) (\w+)/
  }

  /// Adds what one file holds. Types begin at the left margin.
  static func count(_ source: String, into counts: inout [String: Int]) {
    var holder = "the file"
    for line in source.split(separator: "\n") {
      // Matching is slow, and other tests wait for the thread meanwhile.
      if line.utf8.first != UInt8(ascii: " "), let found = line.prefixMatch(of: Self.declaration) {
        holder = String(found.1)
      }
      guard line.utf8.firstRange(of: Self.word) != nil,
        !line.drop(while: \.isWhitespace).hasPrefix("//")
      else { continue }
      let made = line.matches(of: /\bStatement<.+?>\s*\(|\bStatement\s*\(/).count
      if made > 0 { counts[holder, default: 0] += made }
    }
  }

  /// The struct, enum or class of that name in a module of this process.
  static func type(_ name: String, in module: String) -> Any.Type? {
    for kind in ["V", "O", "C"] {
      if let type = _typeByName("\(module.count)\(module)\(name.count)\(name)\(kind)") {
        return type
      }
    }
    return nil
  }
}
