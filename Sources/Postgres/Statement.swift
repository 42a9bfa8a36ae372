import Crypto
import Synchronization

/// One fixed SQL text, declared beside the function that uses it. It is prepared on a connection at
/// its first use there, within the round trip of that use.
public struct Statement<Row: PostgresRow>: Sendable {
  /// The text and its prepared name.
  public let text: StatementText

  /// Declares a statement.
  /// - Parameters:
  ///   - sql: fixed text with `$1`, `$2`, … for parameters. Never assembled from input.
  ///   - writes: whether it may change anything. Inferred when nil: what starts with `select` and
  ///     locks no rows reads. Say `true` for a `select` that calls a writing function. Reads share
  ///     a connection, one behind the other; writes get one for themselves, and a write whose Sync
  ///     was lost is `unknownOutcome` where a read is `unavailable`.
  ///   - announces: whether a commit that contains it is announced on the channel
  ///     `<schema>_events`, as appending to a feed is.
  ///   - critical: whether a call of such statements alone may use the connections that are kept
  ///     for them (`DatabaseSettings.connectionsReserved`), as checking a session does.
  public init(
    _ sql: String, writes: Bool? = nil, announces: Bool = false, critical: Bool = false
  ) {
    text = StatementText(
      sql, writes: writes ?? StatementText.looksLikeWriting(sql), announces: announces,
      isCritical: critical)
  }

  /// The statement with its parameters, `$1` first. A parameter has the same Swift type at each use:
  /// the first one is what the statement is prepared with; a call with another is refused (42804).
  @inlinable public func callAsFunction<each Value: PostgresValue>(
    _ values: repeat each Value
  ) -> Query<Row> {
    var parameters = ParameterWriter()
    repeat parameters.add(each values)
    return Query(text: text, parameters: parameters)
  }

  /// The statement with its parameters, `$1` first.
  @inlinable public func bind<each Value: PostgresValue>(
    _ values: repeat each Value
  ) -> Query<Row> {
    callAsFunction(repeat each values)
  }
}

/// A statement with its parameters: what `Database.run` takes.
public struct Query<Row: PostgresRow>: Sendable {
  /// The same without the row's type.
  public let erased: AnyQuery

  @inlinable init(text: StatementText, parameters: ParameterWriter) {
    erased = AnyQuery(text: text, parameters: parameters)
  }
}

/// A query whose rows nobody reads, for lists whose length is known only at run time.
public struct AnyQuery: Sendable {
  /// The statement's text.
  public let text: StatementText
  @usableFromInline let parameters: ParameterWriter

  /// Leaves the row's type behind.
  public init<Row: PostgresRow>(_ query: Query<Row>) { self = query.erased }

  @inlinable init(text: StatementText, parameters: ParameterWriter) {
    self.text = text
    self.parameters = parameters
  }
}

/// A statement's text, the name it is prepared under, and a small number that connections use to
/// look up whether they have it. Texts live as long as the process: declare them `static let`.
public final class StatementText: Sendable, Hashable {
  /// The SQL.
  public let sql: String
  /// `s_` and a hash of the SQL, the same in each process.
  public let name: String
  /// Whether it may change anything.
  public let writes: Bool
  /// Whether followers of a feed are to hear of its commit.
  public let announces: Bool
  /// Whether it may use a connection that is kept for such statements.
  public let isCritical: Bool
  let number: Int
  let nameCString: [CChar]
  let sqlCString: [CChar]

  private static let numbers = Mutex<[String: Int]>([:])

  init(_ sql: String, writes: Bool, announces: Bool = false, isCritical: Bool = false) {
    self.sql = sql
    self.announces = announces
    self.isCritical = isCritical
    self.writes = writes
    let digest = SHA256.hash(data: [UInt8](sql.utf8)).prefix(12)
    name =
      "s_"
      + digest.map { byte in
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
      }.joined()
    number = Self.numbers.withLock { numbers in
      if let number = numbers[sql] { return number }
      let number = numbers.count
      numbers[sql] = number
      return number
    }
    nameCString = Array(name.utf8CString)
    sqlCString = Array(sql.utf8CString)
  }

  /// The rule of `Statement.init`: only a `select` that locks nothing counts as a read.
  static func looksLikeWriting(_ sql: String) -> Bool {
    let words = sql.lowercased().split { !($0.isLetter || $0 == "_") }
    guard words.first == "select" else { return true }
    let locks: Set<Substring> = ["update", "share"]
    for (word, next) in zip(words, words.dropFirst()) where word == "for" {
      if locks.contains(next) || next == "no" || next == "key" { return true }
    }
    return false
  }

  public static func == (left: StatementText, right: StatementText) -> Bool {
    left.number == right.number
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(number) }
}
