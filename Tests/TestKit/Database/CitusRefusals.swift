import Postgres

/// What Citus 12.1 was seen to refuse in statements that write, be it to shards or to a table of the
/// coordinator in its metadata. Statements are read as text.
struct CitusRefusals {
  /// Functions by what their results depend on; operators and casts are not among them.
  struct Functions {
    let volatile: Set<String>
    /// Volatile ones and those that are the same within a statement only.
    let mutable: Set<String>

    /// - Parameter session: to any database; its functions are compared by name.
    init(in session: PlainConnection) throws {
      func names(_ condition: String) throws -> Set<String> {
        let rows = try session.run(
          "select proname from pg_proc group by proname having bool_and(\(condition))")
        return Set(rows.compactMap { $0.first ?? nil })
      }
      volatile = try names("provolatile = 'v'")
      mutable = try names("provolatile <> 'i'")
    }

    init(volatile: Set<String>, mutable: Set<String>) {
      self.volatile = volatile
      self.mutable = mutable
    }

    static func called(in words: Substring, from names: Set<String>) -> [String] {
      words.matches(of: /\b(\w+)\(/).map { String($0.output.1) }.filter(names.contains)
    }
  }

  private let shards: Set<String>
  private let tables: Set<String>
  private let functions: Functions

  init(_ lint: CitusLint, _ functions: Functions) {
    shards = Set(lint.columns.keys)
    tables = shards.union(lint.local)
    self.functions = functions
  }

  /// Why Citus would refuse a statement, a line each.
  func problems(of sql: String) -> [String] {
    let words = CitusLint.words(sql)
    let parts = Self.parts(of: words[...])
    return parts.enumerated().flatMap { index, part in
      // What is not in parentheses before it goes to the node with the last command.
      let whole = index == parts.count - 1 ? words[...] : part
      return problems(ofPart: part, within: whole)
    }
  }

  private func problems(ofPart part: Substring, within whole: Substring) -> [String] {
    guard let verb = part.prefixMatch(of: /(insert into|update|delete from) (\w+)/),
      tables.contains(String(verb.output.2))
    else { return [] }
    let table = String(verb.output.2)
    var found: [String] = []
    if verb.output.1 != "insert into" {
      found += Functions.called(in: whole, from: functions.volatile).map { "calls volatile \($0)" }
      if shards.contains(table), whole.contains(/\bctid\b/) {
        found.append("finds rows of shards by their place")
      }
      for choice in part.matches(of: /\bcase .*? end\b/) {
        found += mutable(in: choice.output, "in a CASE")
      }
      for choice in part.matches(of: /\bcoalesce\(/) {
        let rest = part[choice.range.upperBound...]
        found += mutable(in: rest[..<Self.closing(of: rest)], "in a COALESCE")
      }
    }
    if let change = part.firstMatch(of: #/ on conflict .*?do update (.*)/#) {
      found += mutable(in: Self.untilReturning(change.output.1), "in DO UPDATE")
      if change.output.1.contains(/[-+] (make_)?interval/) {
        found.append("moves a moment by an interval in DO UPDATE")
      }
    }
    if let answer = part.firstMatch(of: #/ returning (.*)/#) {
      found += mutable(in: answer.output.1, "in RETURNING")
    }
    if verb.output.1 == "insert into", shards.contains(table), part.contains(") select "),
      !part.contains(" on conflict "), !part.contains(" returning ")
    {
      found.append("selects rows into the shards of \(table), which is a COPY")
    }
    return found
  }

  private func mutable(in words: Substring, _ place: String) -> [String] {
    Functions.called(in: words, from: functions.mutable).map { "calls mutable \($0) \(place)" }
  }

  private static func untilReturning(_ words: Substring) -> Substring {
    words.firstRange(of: " returning ").map { words[..<$0.lowerBound] } ?? words
  }

  /// The commands of a WITH, each without its parentheses, and the one after them.
  private static func parts(of words: Substring) -> [Substring] {
    guard words.hasPrefix("with ") else { return [words] }
    var parts: [Substring] = []
    var rest = words
    while let head = rest.prefixMatch(of: /(?:with|,) \w+ as (?:materialized )?\( ?/) {
      rest = rest[head.range.upperBound...]
      let end = closing(of: rest)
      parts.append(rest[..<end])
      rest = rest[end...].dropFirst()
    }
    return parts + [rest.drop { $0 == " " }]
  }

  private static func closing(of words: Substring) -> Substring.Index {
    var depth = 0
    for index in words.indices {
      if words[index] == "(" { depth += 1 }
      if words[index] == ")" {
        if depth == 0 { return index }
        depth -= 1
      }
    }
    return words.endIndex
  }
}
