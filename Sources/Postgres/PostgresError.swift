/// Why a call to the database did not succeed.
public enum PostgresError: Error, Sendable, Hashable {
  /// PostgreSQL refused: nothing of the call was kept.
  /// - `sqlState`: five characters, such as `23505`.
  /// - `constraint`: the violated constraint's name, which storage maps to a domain error.
  case refused(sqlState: String, constraint: String?, table: String?, message: String)

  /// The connection was lost after a write had been sent and before its Sync came back: it may have
  /// happened. Only a retry with the same `request_id` tells.
  case unknownOutcome

  /// The database cannot be reached, or a read was cut off. Nothing was written.
  case unavailable(String)

  /// The deadline passed. Nothing was kept.
  case deadlineExceeded

  /// Every connection is busy and the line of waiting calls is full.
  case queueFull

  /// The caller's task was cancelled before anything was sent.
  case cancelled

  /// A value does not have the shape its Swift type expects, or a statement is used wrongly.
  case decoding(String)
}

extension PostgresError {
  /// The name of the constraint that refused, if one did.
  public var constraint: String? {
    if case .refused(_, let constraint, _, _) = self { constraint } else { nil }
  }

  /// PostgreSQL's five-character code, if it refused.
  public var sqlState: String? {
    if case .refused(let sqlState, _, _, _) = self { sqlState } else { nil }
  }

  /// A unique key, primary ones included, was taken already (23505).
  public var isUniqueViolation: Bool { sqlState == "23505" }

  /// The whole transaction may be tried again: serialization failure, deadlock, or a plan that went
  /// stale under a migration.
  var isWorthRetrying: Bool {
    guard case .refused(let sqlState, _, _, let message) = self else { return false }
    return sqlState == "40001" || sqlState == "40P01"
      || Self.isStalePlan(sqlState: sqlState, message: message)
  }

  /// A prepared statement that the server no longer knows or whose plan a migration outdated.
  static func isStalePlan(sqlState: String, message: String) -> Bool {
    sqlState == "26000" || (sqlState == "0A000" && message.contains("cached plan must not change"))
  }
}

extension PostgresError {
  /// Classes of codes that tell of connections (also of a Citus node's), wrong states of
  /// transactions and servers such as a standby's, conflicts, want of resources, objects in use, and
  /// operators at work.
  private static let transientClasses: Set<String> = ["08", "25", "40", "53", "55", "57"]

  /// Whether it is trouble of the server, of the way there or of others at work, and says nothing
  /// about what was asked: the same may succeed later as it is. A right that is missing counts, since
  /// a migration or an operator gives it; a row that breaks a policy has the same code and does not.
  public var isTransient: Bool {
    switch self {
    case .refused("42501", _, _, let message):
      !message.contains("row-level security policy")
    case .refused(let sqlState, _, _, _):
      isWorthRetrying || Self.transientClasses.contains(String(sqlState.prefix(2)))
    case .decoding: false
    case .unknownOutcome, .unavailable, .deadlineExceeded, .queueFull, .cancelled: true
    }
  }
}

extension PostgresError {
  /// What is known of a transaction whose call has ended.
  public enum Outcome: Sendable, Hashable {
    /// It was committed: its call returned.
    case done
    /// Nothing of it was kept.
    case refused
    /// It was perhaps committed. Only a retry with the same `request_id` tells.
    case unknown
  }

  /// What is known of a transaction whose call threw this.
  public var outcome: Outcome {
    switch self {
    case .unknownOutcome: .unknown
    // What came back cannot be read, so the transaction itself may well have succeeded.
    case .decoding: .unknown
    case .refused, .unavailable, .deadlineExceeded, .queueFull, .cancelled: .refused
    }
  }
}

extension PostgresError {
  /// What happened, as PostgreSQL's code. Citus has none for a node that went away while a
  /// transaction was on it, whose COMMIT it then refuses: it is what a lost connection has.
  static func state(_ field: String, message: String) -> String {
    field == "XX000" && message.hasPrefix("failure on connection marked as essential")
      ? "08006" : field
  }

  /// The violated constraint's name as migrations gave it. Citus passes a node's message on without
  /// the field, and what it names is the shard's: the name, `_` and the shard's number.
  static func constraint(named field: String?, sqlState: String, message: String) -> String? {
    guard sqlState.hasPrefix("23") else { return field }
    let name = field ?? message.firstMatch(of: /constraint "([^"]+)"/).map { String($0.1) }
    guard let name, let shard = name.firstMatch(of: /_[0-9]{6,}$/) else { return name }
    return String(name[..<shard.range.lowerBound])
  }
}
