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
  /// How long rows may wait for transactions to end before an operator is told: a minute, of which
  /// they may have waited a pause for the first glance.
  static let patience = Duration.seconds(60) - pause
  /// How long another process may keep the file to itself: it appends at most 500 seals.
  static let copyPatience = Duration.seconds(5)

  private let service: String
  private let worker: Database
  private let signer: AuditSigner
  private let copy: SealFile?
  private let logger: Logger
  private let patience: Duration

  /// - Parameters:
  ///   - service: whose log it is; signed with each seal.
  ///   - worker: connected as the service's worker role.
  ///   - copy: the file outside the database that gets each seal too.
  public init(
    service: String, worker: Database, signer: AuditSigner, copy: SealFile?, logger: Logger
  ) {
    self.init(
      service: service, worker: worker, signer: signer, copy: copy, logger: logger,
      patience: Self.patience)
  }

  init(
    service: String, worker: Database, signer: AuditSigner, copy: SealFile?, logger: Logger,
    patience: Duration
  ) {
    self.patience = patience
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
  /// While rows wait for longer than a minute.
  static let unsealedAlert = "audit.unsealed"
  /// And while rows or seals have ids that the database has not given.
  static let forgedAlert = "audit.forged"

  /// Seals what is new, and says so in an alert when the file cannot have it, or when rows have
  /// waited for more than a minute because sealing fails.
  func turn() async throws {
    do {
      try await lookForForged()
      try await sealAll(lookingEvery: .milliseconds(500))
      try await worker.run(
        .none,
        all: [Self.alert, Self.unsealedAlert].map { Alerts.clear(kind: $0, subject: service) })
    } catch let error where !(error is PostgresError || error is CancellationError) {
      let detail = "seals do not reach CLIENTELE_AUDIT_COPY: \(error)"
      try await worker.run(
        .none, all: [Alerts.raise(kind: Self.alert, subject: service, detail: detail)])
      throw error
    } catch let error as PostgresError where error != .cancelled {
      try? await tellWhatFails(error)
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
  private static let overdue = Statement<Bool>(
    """
    select exists (select from audit_log
      where audit_id > coalesce(
        (select last_id from audit_seals order by seal_number desc limit 1), 0)
      and created_at < now() - make_interval(secs => $1))
    """)
  /// No id above the last that was given is sealed: rows that come later have lower ones.
  private static let look = Statement<Glance>(
    """
    select pg_current_xact_id(), coalesce((select max(audit_id) from audit_log
      where audit_id <= (select last_value from audit_log_audit_id_seq)), 0)
    """, writes: true)
  /// Read together, ids before the sequence: what is committed was given before.
  private static let strange = Statement<Strange>(
    """
    with ids as materialized (
      select (select min(audit_id) from audit_log) as first,
        (select max(audit_id) from audit_log) as last,
        (select last_id from audit_seals order by seal_number desc limit 1) as sealed
    )
    select case when first < 1 then first end, case when last > given.last_value then last end,
      case when sealed > given.last_value then sealed end
    from ids, audit_log_audit_id_seq as given
    """)
  private static let ended = Statement<Bool>(
    "select pg_snapshot_xmin(pg_current_snapshot()) >= $1")
  /// Who holds it back, as far as every role may see.
  private static let holder = Statement<String>(
    """
    select coalesce(
      (select 'process ' || l.pid || coalesce(' of ' || a.usename, '')
        from pg_locks l left join pg_stat_activity a on a.pid = l.pid
        where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock'
          and l.transactionid = x.oldest and l.pid is not null limit 1),
      (select 'prepared transaction ' || gid || ' of ' || owner from pg_prepared_xacts
        where transaction = x.oldest limit 1),
      'transaction ' || x.oldest::text)
    from (select pg_snapshot_xmin(pg_current_snapshot())::xid as oldest) x
    """)
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
    unsealed, overdue, look, strange, ended, holder, lock, latest, now, insert, rows, seals,
  ]

  /// Where the log stands; nil when every row is sealed.
  func glance() async throws -> Glance? {
    guard try await worker.run(.none, Self.unsealed()).first == true else { return nil }
    return try await worker.run(.none, Self.look()).first
  }

  /// Says so when somebody has put in ids of their own: the schema's owner or a superuser, since
  /// nobody else may name one.
  private func lookForForged() async throws {
    let forged = try await worker.run(.none, Self.strange()).first?.text
    let change =
      if let forged {
        Alerts.raise(kind: Self.forgedAlert, subject: service, detail: forged)
      } else {
        Alerts.clear(kind: Self.forgedAlert, subject: service)
      }
    try await worker.run(.none, all: [change])
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
    let end = ContinuousClock.now + patience
    while try await !isFinal(glance) {
      if .now >= end { try await tellWhoHolds() }
      try await Task.sleep(for: pause)
    }
    return try await seal(upTo: glance)
  }

  private func tellWhoHolds() async throws {
    guard let holder = try await worker.run(.none, Self.holder()).first else { return }
    let detail = "acts wait for their seal for more than a minute: \(holder) is still open"
    try await worker.run(
      .none, all: [Alerts.raise(kind: Self.unsealedAlert, subject: service, detail: detail)])
  }

  /// While the database is away nothing can be said, and nothing is written that waits.
  private func tellWhatFails(_ error: PostgresError) async throws {
    let wait = patience + Self.pause
    guard try await worker.run(.none, Self.overdue(wait.inSeconds)).first == true else { return }
    let detail = "acts wait for their seal for more than a minute, since sealing fails: \(error)"
    try await worker.run(
      .none, all: [Alerts.raise(kind: Self.unsealedAlert, subject: service, detail: detail)])
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
    let end = ContinuousClock.now + Self.copyPatience
    while true {
      let missing = try await worker.run(.none, Self.seals(try copy.lastNumber()))
      guard !missing.isEmpty else { return }
      if try copy.append(missing) { continue }
      guard .now < end else { throw SealFile.Unusable("somebody else keeps it locked") }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}

/// Ids that no row is given; nil where there are none.
private struct Strange: PostgresRow {
  /// What is to be said of them; nil when all is well.
  let text: String?

  init(from columns: inout ColumnReader) throws(PostgresError) {
    let first = try columns.next(Int64?.self)
    let last = try columns.next(Int64?.self)
    let sealed = try columns.next(Int64?.self)
    let rows = [first, last].compactMap { $0 }.map {
      "row \($0) of audit_log has an id that was never given, and is not sealed"
    }
    let seals = sealed.map {
      ["the last seal ends at \($0), an id that was never given: rows below stay unsealed"]
    }
    let lines = rows + (seals ?? [])
    text = lines.isEmpty ? nil : lines.joined(separator: "; ")
  }
}
