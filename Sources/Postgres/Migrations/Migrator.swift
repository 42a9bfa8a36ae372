import Glibc

/// Brings one service's schema up to date, file by file, forward only.
///
/// Runners exclude each other by an advisory lock. Each file is one transaction, run as
/// `<schema>_owner`; its checksum is kept in `<schema>.schema_migrations`, and a file that was
/// edited afterwards is refused.
public struct Migrator: Sendable {
  /// Whether a file has been applied.
  public enum State: Sendable, Hashable { case applied, pending }

  /// One file and how it stands.
  public struct Step: Sendable, Hashable {
    /// From 1 up.
    public let version: Int
    /// `0001_accounts.sql`.
    public let name: String
    /// How it stands.
    public let state: State
  }

  private let connection: String
  private let directory: String
  private let schema: String

  /// How long a file waits for a lock, whatever it says itself: whoever comes after it waits too.
  static let lockTimeout = "50ms"
  /// The same for a statement that runs outside of a transaction: nobody waits behind its lock.
  static let outsideLockTimeout = "10s"
  /// How often a file, or a batch, is tried again when a lock was not to be had in that time.
  static let lockAttemptsMax = 100
  /// After how long autovacuum, which may hold a table for minutes, gives way to who waits for it.
  /// By itself it does after a second, which is longer than a file waits.
  static let deadlockTimeout = "10ms"

  /// - Parameters:
  ///   - connection: a libpq connection string as `<schema>_migrate` or a superuser.
  ///   - directory: the folder of `NNNN_name.sql`.
  ///   - schema: the service's schema, `client_directory` for instance.
  public init(connection: String, directory: String, schema: String) {
    self.connection = connection
    self.directory = directory
    self.schema = schema
  }

  /// Applies what is pending.
  /// - Returns: the names of the applied files, in order.
  /// - Throws: `MigrationError`, or `PostgresError.unavailable` when it does not connect.
  @discardableResult
  public func migrate() async throws -> [String] {
    let files = try MigrationFile.all(in: directory)
    return try await PlainConnection.withSession(connection) { session in
      try prepare(session)
      let pending = try pending(of: files, session)
      for file in pending { try apply(file, session) }
      return pending.map(\.name)
    }
  }

  /// Every file and how it stands.
  /// - Throws: as `migrate` does.
  public func status() async throws -> [Step] {
    let files = try MigrationFile.all(in: directory)
    return try await PlainConnection.withSession(connection) { session in
      try prepare(session)
      let pending = Set(try pending(of: files, session).map(\.version))
      return files.map { file in
        Step(
          version: file.version, name: file.name,
          state: pending.contains(file.version) ? .pending : .applied)
      }
    }
  }

  private func prepare(_ session: PlainConnection) throws {
    try Bootstrap.check(schema: schema)
    // The role that migrates has it by `Bootstrap`; nobody else but a superuser may set it.
    if try session.run("show is_superuser") == [["on"]] {
      try session.run("set deadlock_timeout = '\(Self.deadlockTimeout)'")
    }
    try session.run("set role \(schema)_owner; set search_path = \(schema)")
    // Another runner may be at work for long; the lock ends with the session.
    try session.run("set statement_timeout = 0; set lock_timeout = 0")
    try session.run("select pg_advisory_lock(hashtextextended('clientele.migrate.\(schema)', 0))")
    try session.run(
      """
      create table if not exists schema_migrations (
        version integer not null,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now(),
        constraint schema_migrations_pkey primary key (version)
      );
      revoke all on schema_migrations from \(schema);
      grant select on schema_migrations to \(schema), \(schema)_worker
      """)
  }

  private func pending(of files: [MigrationFile], _ session: PlainConnection) throws
    -> [MigrationFile]
  {
    let rows = try session.run("select version, checksum from schema_migrations order by version")
    var applied: [Int: String] = [:]
    for row in rows {
      guard let version = row.first.flatMap({ $0 }).flatMap(Int.init) else { continue }
      applied[version] = row.last.flatMap { $0 }
    }
    for file in files {
      if let checksum = applied[file.version], checksum != file.checksum {
        throw MigrationError.edited(file.name)
      }
    }
    return files.filter { applied[$0.version] == nil }
  }

  private func apply(_ file: MigrationFile, _ session: PlainConnection) throws {
    do throws(PostgresError) {
      if let batch = file.batch {
        try run(batch, session)
        try record(file, session)
      } else if file.runsOutsideTransaction {
        try session.run("set lock_timeout = '\(Self.outsideLockTimeout)'")
        try patiently(session) { () throws(PostgresError) in
          try dropInvalidIndexes(session)
          try session.run(file.sql)
        }
        try record(file, session)
      } else {
        try patiently(session) { () throws(PostgresError) in
          try session.run(
            """
            begin; set local lock_timeout = '\(Self.lockTimeout)';
            set local statement_timeout = '60s'
            """)
          try session.run(
            CitusCluster.isCitus(session) ? file.scriptForCitus : file.script)
          try session.run("set local role \(schema)_owner; set local search_path = \(schema)")
          try record(file, session)
          try session.run("commit")
        }
      }
    } catch {
      _ = try? session.run("rollback")
      throw MigrationError.failed(file.name, error)
    }
  }

  private func record(_ file: MigrationFile, _ session: PlainConnection) throws(PostgresError) {
    try session.run(
      "insert into schema_migrations (version, name, checksum) values ($1::integer, $2, $3)",
      ["\(file.version)", file.name, file.checksum])
  }

  /// What was done stays done when a later batch fails, so the statement must pick what is left.
  private func run(
    _ batch: MigrationBatch, _ session: PlainConnection
  ) throws(PostgresError) {
    try session.run("set lock_timeout = '\(Self.lockTimeout)'")
    // A commit keeps its rows until the disk, and a standby, have it. A batch that is lost is done again,
    // and what records the file waits for all before it.
    try session.run("set synchronous_commit = off")
    var size = BatchSize(rowsMax: batch.rowsMax)
    var isLeft = true
    while isLeft {
      try patiently(session) { () throws(PostgresError) in
        isLeft = try run(batch, &size, session) > 0
      }
    }
    try change("reset synchronous_commit; set statement_timeout = 0", session)
  }

  /// Changes settings, again when the short limit of a batch ended even that.
  private func change(_ settings: String, _ session: PlainConnection) throws(PostgresError) {
    while true {
      do throws(PostgresError) {
        try session.run(settings)
        return
      } catch {
        guard case .deadlineExceeded = error else { throw error }
      }
    }
  }

  /// One batch, or a smaller one when it takes too long.
  /// - Returns: how many rows it changed.
  private func run(
    _ batch: MigrationBatch, _ size: inout BatchSize, _ session: PlainConnection
  ) throws(PostgresError) -> Int {
    let clock = ContinuousClock()
    while true {
      let limit = Int(size.timeMax / .milliseconds(1))
      try change("set statement_timeout = \(limit)", session)
      let from = clock.now
      do throws(PostgresError) {
        let answer = try session.run(batch.sql(rows: size.rows))
        guard answer.count == 1, let cell = answer[0].first ?? nil, let changed = Int(cell) else {
          throw .decoding("a file in batches answers one number, how many rows it changed")
        }
        size.adapt(changed: changed, took: clock.now - from)
        return changed
      } catch {
        // Sooner it was somebody else who cancelled it.
        let isLate = clock.now - from >= .milliseconds(limit)
        guard case .deadlineExceeded = error, isLate else { throw error }
        size.giveUp()
      }
    }
  }

  /// Does something again, a few times a second, for as long as a lock was not to be had. In a
  /// deadlock with a call it is we who give up, since we look for one sooner.
  private func patiently(
    _ session: PlainConnection, _ body: () throws(PostgresError) -> Void
  ) throws(PostgresError) {
    var attempt = 1
    while true {
      do throws(PostgresError) {
        return try body()
      } catch {
        let isBlocked = error.sqlState == "55P03" || error.sqlState == "40P01"
        guard isBlocked, attempt < Self.lockAttemptsMax else { throw error }
        _ = try? session.run("rollback")
        // Whoever held the lock goes first; a queue behind us would stop the service.
        attempt += 1
        usleep(UInt32.random(in: 50_000...250_000))
      }
    }
  }

  /// Building an index concurrently leaves it behind, invalid, when it fails; IF NOT EXISTS would
  /// take it for built.
  private func dropInvalidIndexes(_ session: PlainConnection) throws(PostgresError) {
    let names = try session.run(
      """
      select c.oid::regclass from pg_index i join pg_class c on c.oid = i.indexrelid
      where not i.indisvalid and c.relnamespace = current_schema()::regnamespace
      """)
    for name in names.compactMap({ $0.first ?? nil }) {
      try session.run("drop index concurrently \(name)")
    }
  }
}

extension Database {
  private static let version = Statement<Int>(
    "select coalesce(max(version), 0)::bigint from schema_migrations")

  /// The newest migration of the role's own schema: a service refuses to start on an older schema
  /// than it knows, and accepts a newer one.
  public func schemaVersion() async throws(PostgresError) -> Int {
    try await run(.none, Self.version()).first ?? 0
  }
}
