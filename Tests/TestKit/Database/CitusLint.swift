import Foundation
import Postgres

/// Checks what can be checked without a Citus cluster: that Citus 12.1 takes the service's tables,
/// that it does not refuse how the service's statements write, and that each of them names, for every
/// distributed table it reads or writes, the organisation as a parameter, so that Citus routes it to
/// one node.
///
/// The statements of Feed and ServiceStorage are the service's too.
///
/// - Parameter crossing: statements that do not, by how they begin, with why that is fine. Each must
///   still be needed.
/// - Throws: `CitusProblems`.
public func assertFitsCitus(
  _ service: String, crossing: [String: String] = [:], in database: TestDatabase
) async throws {
  let schema = service.replacing("-", with: "_")
  let (layout, functions) = try await PlainConnection.withSession(
    database.connection(role: "postgres")
  ) { try (CitusLayout(of: [schema], in: $0), CitusRefusals.Functions(in: $0)) }
  var lines = layout.problems
  let crossing = crossing.merging(CitusLint.sharedCrossing) { own, _ in own }
  var unused = crossing
  let lint = CitusLint(layout)
  let refusals = CitusRefusals(lint, functions)
  for text in try StatementLint.texts(of: service) {
    lines += refusals.problems(of: text.sql).map { "\($0): \(text.sql)" }
    let problems = lint.problems(of: text.sql)
    if problems.isEmpty { continue }
    let words = CitusLint.words(text.sql)
    if let reason = crossing.first(where: { words.hasPrefix($0.key) }) {
      unused[reason.key] = nil
    } else {
      lines += problems.map { "\($0): \(words.prefix(120))" }
    }
  }
  lines += unused.keys.map { "listed as crossing shards, and does not: \($0)" }
  if !lines.isEmpty { throw CitusProblems(lines: lines.sorted()) }
}

/// What does not fit Citus.
public struct CitusProblems: Error, CustomStringConvertible {
  /// One line each.
  public let lines: [String]

  /// All lines.
  public var description: String { lines.joined(separator: "\n") }
}

/// Reads statements as text: each name of a distributed table wants its column beside it.
struct CitusLint {
  /// Distribution columns by table, without the schema.
  let columns: [String: String]
  let local: Set<String>

  init(_ layout: CitusLayout) {
    let named = layout.tables.map { (String($0.name.split(separator: ".")[1]), $0.place.column) }
    columns = Dictionary(
      uniqueKeysWithValues: named.compactMap { name, column in column.map { (name, $0) } })
    local = Set(named.filter { $0.1 == nil }.map(\.0))
  }

  init(columns: [String: String], local: Set<String>) {
    self.columns = columns
    self.local = local
  }

  /// What every service runs that does not name a scope.
  static let sharedCrossing = [
    "select max(moment) from ( select created_at as moment from idempotency":
      "old answers go everywhere, once an hour",
    "delete from idempotency where created_at <= $1": "a thousand of them at a time",
  ]

  /// A statement in small letters and single spaces.
  static func words(_ sql: String) -> String {
    sql.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private static let noAlias: Set<Substring> = [
    "where", "set", "on", "cross", "left", "join", "inner", "order", "limit", "returning", "group",
    "using", "for", "union",
  ]

  func problems(of sql: String) -> [String] {
    let words = Self.words(sql)
    var found: [String] = []
    var wanted: [String: Int] = [:]
    let places = words.matches(of: /\b(from|join|update|into) (\w+)(?: as)?(?: (\w+|\())?/)
    var isMixed = (local: false, distributed: false)
    for place in places {
      let table = String(place.output.2)
      isMixed.local = isMixed.local || local.contains(table)
      guard let column = columns[table] else { continue }
      isMixed.distributed = true
      if place.output.1 == "into" {
        found += insertion(into: table, column, words[place.range.lowerBound...])
        continue
      }
      let alias = place.output.3.flatMap { Self.noAlias.contains($0) || $0 == "(" ? nil : $0 }
      wanted[alias.map { "\($0).\(column) = $" } ?? " \(column) = $", default: 0] += 1
    }
    for (needle, count) in wanted where words.ranges(of: needle).count < count {
      found.append("lacks \(needle.dropFirst(needle.hasPrefix(" ") ? 1 : 0))n")
    }
    if isMixed.local, isMixed.distributed { found.append("joins shards and the coordinator") }
    return found
  }

  /// A row says whose it is by a parameter.
  private func insertion(into table: String, _ column: String, _ rest: Substring) -> [String] {
    let columnFirst = rest.prefixMatch(
      of: /into \w+(?: as \w+)? \((\w+)[^)]*\) (?:values \(|select )\$/)
    return columnFirst?.output.1 == Substring(column)
      ? [] : ["inserts into \(table) without \(column) = $n"]
  }
}
