public import Postgres

/// Reads a service's log from end to end for a verifier.
public struct AuditWalk: Sendable, Table {
  /// What is not sealed yet.
  public struct Unsealed: PostgresRow, Codable {
    /// How many rows.
    public let count: Int64
    /// Age of the oldest in seconds; nil without any.
    public let oldestSeconds: Double?

    public init(from columns: inout ColumnReader) throws(PostgresError) {
      count = try columns.next()
      oldestSeconds = try columns.next()
    }
  }

  private static let sealsCount = Statement<Int>("select count(*) from audit_seals")
  private static let unsealed = Statement<Unsealed>(
    """
    select count(*), extract(epoch from now() - min(created_at))::float8 from audit_log
    where audit_id > $1
    """)
  private static let early = Statement<Int>("select count(*) from audit_log where audit_id < 1")
  private static let late = Statement<Int>(
    """
    select count(*) from audit_log
    where audit_id > (select last_value from audit_log_audit_id_seq)
    """)
  public static let statements: [any DescribedStatement] = [sealsCount, unsealed, early, late]

  private let database: Database

  /// - Parameter database: sees the whole log, and finds the service's tables by its search_path.
  public init(_ database: Database) { self.database = database }

  /// Feeds every seal with its rows to the verifier, then what the copies tell.
  /// - Parameter progress: called after each seal with its number and how many there are.
  /// - Returns: what is not sealed yet, and how many rows were.
  public func verify(
    with verifier: inout AuditVerifier, progress: (Int64, Int) -> Void = { _, _ in }
  ) async throws -> (unsealed: Unsealed?, rows: Int, seals: Int) {
    let total = try await database.run(.none, Self.sealsCount()).first ?? 0
    var last: (number: Int64, id: Int64) = (0, 0)
    var counts = (rows: 0, seals: 0)
    while true {
      let seals = try await database.run(.none, AuditSealer.seals(last.number))
      guard !seals.isEmpty else { break }
      for seal in seals {
        // One more than any seal has tells of those that were put in.
        let rows = try await database.run(
          .none, AuditSealer.rows(last.id, seal.lastID, Int64(AuditSealer.rowsMax + 1)))
        verifier.check(seal, rows)
        last = (seal.number, seal.lastID)
        counts = (counts.rows + rows.count, counts.seals + 1)
        progress(seal.number, total)
      }
    }
    verifier.finish()
    if let early = try await database.run(.none, Self.early()).first, early > 0 {
      verifier.note("rows before the first", "\(early) rows have an id that no row is given")
    }
    if let late = try await database.run(.none, Self.late()).first, late > 0 {
      verifier.note("rows after the last", "\(late) rows have an id that was never given")
    }
    let unsealed = try await database.run(.none, Self.unsealed(last.id)).first
    return (unsealed, counts.rows, counts.seals)
  }
}

extension AuditVerifier {
  /// Adds a finding of the walk's own.
  mutating func note(_ place: String, _ what: String) {
    findings.append(AuditFinding(place: place, what: what))
  }
}
