import Foundation
public import Logging
public import Postgres
public import ServiceKit

/// Seals the audit log of a service, every few seconds and a thousand rows at a time.
///
/// Processes of a service take turns by an advisory lock. A row is sealed once nothing can appear
/// below it any more: ids are taken after their transaction's own id, so when every transaction
/// that was open at a glance at the log has ended, all ids up to the highest one seen are final.
public struct AuditSealer: Sendable, Table {
  /// Most rows of a seal.
  public static let rowsMax = 1_000
  /// The pause between two glances.
  public static let pause = Duration.seconds(20)

  private let service: String
  private let worker: Database
  private let signer: AuditSigner
  private let copy: SealFile?
  private let logger: Logger

  /// - Parameters:
  ///   - service: whose log it is; signed with each seal.
  ///   - worker: connected as the service's worker role.
  ///   - copy: the file outside the database that gets each seal too.
  public init(
    service: String, worker: Database, signer: AuditSigner, copy: SealFile?, logger: Logger
  ) {
    self.service = service
    self.worker = worker
    self.signer = signer
    self.copy = copy
    self.logger = logger
  }

  /// The sealing as a part of a process.
  public var task: BackgroundTask {
    BackgroundTask("audit-sealer") {
      while !Task.isCancelled {
        try await turn()
        try await Task.sleep(for: Self.pause)
      }
    }
  }

  /// What an operator sees while seals do not reach the file outside the database.
  static let alert = "audit.copy"

  /// Seals what is new, and says so in an alert when the file cannot have it.
  func turn() async throws {
    do {
      try await sealAll(lookingEvery: .milliseconds(500))
      try await worker.run(.none, all: [Alerts.clear(kind: Self.alert, subject: service)])
    } catch let error where !(error is PostgresError || error is CancellationError) {
      let detail = "seals do not reach CLIENTELE_AUDIT_COPY: \(error)"
      try await worker.run(
        .none, all: [Alerts.raise(kind: Self.alert, subject: service, detail: detail)])
      throw error
    }
  }

  /// The highest id there is, and a transaction later than every one that has taken an id so far.
  struct Glance: PostgresRow {
    let transaction: TransactionID
    let lastID: Int64

    init(from columns: inout ColumnReader) throws(PostgresError) {
      transaction = try columns.next()
      lastID = try columns.next()
    }
  }

  private static let unsealed = Statement<Bool>(
    """
    select exists (select from audit_log
      where audit_id > coalesce(
        (select last_id from audit_seals order by seal_number desc limit 1), 0))
    """)
  private static let look = Statement<Glance>(
    "select pg_current_xact_id(), coalesce((select max(audit_id) from audit_log), 0)", writes: true)
  private static let ended = Statement<Bool>(
    "select pg_snapshot_xmin(pg_current_snapshot()) >= $1")
  private static let lock = Statement<Bool>(
    "select pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' audit seals', 0))",
    writes: true)
  private static let latest = Statement<AuditSeal>(
    "select \(AuditSeal.columns) from audit_seals order by seal_number desc limit 1")
  private static let now = Statement<PostgresTimestamp>("select now()")
  private static let insert = Statement<NoRow>(
    """
    insert into audit_seals (seal_number, previous_hash, merkle_root, first_id, last_id, gaps,
      row_count, sealed_at, key_id, signature)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    """)
  static let rows = Statement<AuditRow>(
    """
    select \(AuditRow.columns) from audit_log
    where audit_id > $1 and audit_id <= $2 order by audit_id limit $3
    """)
  static let seals = Statement<AuditSeal>(
    """
    select \(AuditSeal.columns) from audit_seals
    where seal_number > $1 order by seal_number limit 500
    """)
  public static let statements: [any DescribedStatement] = [
    unsealed, look, ended, lock, latest, now, insert, rows, seals,
  ]

  /// Where the log stands; nil when every row is sealed.
  func glance() async throws -> Glance? {
    guard try await worker.run(.none, Self.unsealed()).first == true else { return nil }
    return try await worker.run(.none, Self.look()).first
  }

  /// Whether every transaction that may hold an id up to the glance's has ended.
  func isFinal(_ glance: Glance) async throws -> Bool {
    try await worker.run(.none, Self.ended(glance.transaction)).first == true
  }

  /// Seals what is final, and answers how many rows that were.
  @discardableResult
  func seal(upTo glance: Glance) async throws -> Int {
    var sum = 0
    while true {
      let sealed = try await batch(upTo: glance.lastID)
      try await copySeals()
      sum += sealed
      if sealed < Self.rowsMax { return sum }
    }
  }

  /// Seals all that is there, once it is final, which is asked at every `pause`.
  @discardableResult
  public func sealAll(lookingEvery pause: Duration = .milliseconds(50)) async throws -> Int {
    guard let glance = try await glance() else {
      try await copySeals()
      return 0
    }
    while try await !isFinal(glance) { try await Task.sleep(for: pause) }
    return try await seal(upTo: glance)
  }

  /// One seal in a transaction of its own.
  private func batch(upTo lastID: Int64) async throws -> Int {
    try await worker.transaction(.none, deadline: .now + .seconds(30)) { transaction in
      guard try await transaction.run(Self.lock()).first == true else { return 0 }
      let (latest, moments) = try await transaction.run(Self.latest(), Self.now())
      let rows = try await transaction.run(
        Self.rows(latest.first?.lastID ?? 0, lastID, Int64(Self.rowsMax)))
      guard let moment = moments.first, !rows.isEmpty else { return 0 }
      let seal = try signer.sign(
        AuditSeal(rows, after: latest.first, service: service, at: moment), of: service)
      try await transaction.run(
        Self.insert(
          seal.number, seal.previousHash, seal.merkleRoot, seal.firstID, seal.lastID, seal.gaps,
          seal.rowCount, moment, seal.keyID, seal.signature))
      return rows.count
    }
  }

  /// Brings the file up to the table. Whoever stopped between the two leaves that to the next.
  private func copySeals() async throws {
    guard let copy else { return }
    while true {
      let missing = try await worker.run(.none, Self.seals(try copy.lastNumber()))
      guard !missing.isEmpty else { return }
      try copy.append(missing)
    }
  }
}
