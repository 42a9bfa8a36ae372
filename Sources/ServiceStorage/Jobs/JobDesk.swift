public import Foundation
public import Postgres

/// What an operator sees and does of a service's jobs.
public struct JobDesk: Table, Sendable {
  /// The kind of alert that a dead job raises.
  static let alert = "job.dead"
  /// The kind of alert that a job raises which has been tried for an hour.
  static let stuckAlert = "job.stuck"

  private static let queues = Statement<QueueRow>(
    """
    select coalesce(l.queue, d.queue), coalesce(l.waiting, 0), coalesce(l.leased, 0),
      coalesce(l.due, 0)::float8, coalesce(l.tried, 0)::float8, coalesce(d.dead, 0)
    from (
      select queue, count(*) filter (where lease_until is null) as waiting,
        count(*) filter (where lease_until is not null) as leased,
        extract(epoch from now() - min(run_at) filter (where run_at <= now())) as due,
        extract(epoch from now() - min(created_at) filter (where failure <> '')) as tried
      from jobs group by queue) as l
    full join (select queue, count(*) as dead from dead_jobs group by queue) as d
      on d.queue = l.queue
    order by 1
    """)
  private static let dead = Statement<DeadJob>(
    """
    select organization_id, job_id, queue, kind, attempt, abandoned, failure, created_at, died_at
    from dead_jobs order by died_at, job_id limit $1
    """)
  private static let failing = Statement<FailingJob>(
    """
    select organization_id, job_id, queue, kind, attempt, failure, created_at, run_at
    from jobs where failure <> '' order by created_at, job_id limit $1
    """)
  private static let revive = Statement<String>(
    """
    with back as (delete from dead_jobs where job_id = $1 returning *), live as (
      insert into jobs (organization_id, job_id, queue, kind, dedupe_key, payload, attempts_max)
      select organization_id, job_id, queue, kind, dedupe_key, payload, attempts_max from back
      on conflict do nothing
    )
    select queue || '/' || kind from back
    """, writes: true, announces: true)
  private static let remove = Statement<String>(
    "delete from dead_jobs where job_id = $1 returning queue || '/' || kind")
  private static let left = Statement<Bool>(
    """
    select exists (
      select from dead_jobs
      where queue = split_part($1, '/', 1) and kind = split_part($1, '/', 2))
    """)
  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] {
    [queues, dead, failing, revive, remove, left]
  }

  private let database: Database

  /// - Parameter database: connected as a superuser whose `search_path` is the service's schema.
  public init(database: Database) { self.database = database }

  /// Every queue that holds a job, dead or alive.
  public func queues() async throws(PostgresError) -> [QueueRow] {
    try await database.run(.none, Self.queues())
  }

  /// Dead jobs, the longest dead first, at most `limit`.
  public func dead(limit: Int = 500) async throws(PostgresError) -> [DeadJob] {
    try await database.run(.none, Self.dead(limit))
  }

  /// Jobs that were tried, put back, and are not done, the oldest first, at most `limit`.
  public func failing(limit: Int = 500) async throws(PostgresError) -> [FailingJob] {
    try await database.run(.none, Self.failing(limit))
  }

  /// Has a dead job tried again from the start. Answers whether there was one; one whose place was
  /// taken by a newer job of its key is only removed.
  public func retry(_ job: UUID) async throws(PostgresError) -> Bool {
    try await settled(try await database.run(.none, Self.revive(job)))
  }

  /// Removes a dead job, and answers whether there was one.
  public func drop(_ job: UUID) async throws(PostgresError) -> Bool {
    try await settled(try await database.run(.none, Self.remove(job)))
  }

  /// Clears the alert of a kind of which no job is dead any more.
  private func settled(_ subjects: [String]) async throws(PostgresError) -> Bool {
    guard let subject = subjects.first else { return false }
    if try await database.run(.none, Self.left(subject)).first == false {
      try await database.run(.none, all: [Alerts.clear(kind: Self.alert, subject: subject)])
    }
    return true
  }
}

/// A queue as an operator sees it.
public struct QueueRow: PostgresRow, Sendable, Hashable {
  /// Its name.
  public let queue: String
  /// Jobs nobody is at.
  public let waiting: Int
  /// Jobs a worker is at, or died over.
  public let leased: Int
  /// For how long the longest waiting one has been due, seconds.
  public let oldestDue: Double
  /// How long ago the oldest one was made that was tried and put back, seconds; 0 without one.
  public let oldestTried: Double
  /// Jobs that wait for an operator.
  public let dead: Int

  public init(from columns: inout ColumnReader) throws(PostgresError) {
    queue = try columns.next()
    waiting = try columns.next()
    leased = try columns.next()
    oldestDue = try columns.next()
    oldestTried = try columns.next()
    dead = try columns.next()
  }
}

/// A job that was tried, put back, and is not done.
public struct FailingJob: PostgresRow, Sendable, Hashable {
  /// Whose it is; all zeros for the system's own.
  public let organizationID: UUID
  /// Its id.
  public let jobID: UUID
  /// The queue it waits in.
  public let queue: String
  /// What is to be done.
  public let kind: String
  /// How often it was tried.
  public let attempt: Int
  /// What it was put back for last.
  public let failure: String
  /// Since when it waits.
  public let createdAt: Date
  /// When it is tried next; while a worker is at it, when its lease ends.
  public let runAt: Date

  public init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    jobID = try columns.next()
    queue = try columns.next()
    kind = try columns.next()
    attempt = try columns.next()
    failure = try columns.next()
    createdAt = try columns.next()
    runAt = try columns.next()
  }
}

/// A job that waits for an operator.
public struct DeadJob: PostgresRow, Sendable, Hashable {
  /// Whose it is; all zeros for the system's own.
  public let organizationID: UUID
  /// Its id.
  public let jobID: UUID
  /// The queue it was in.
  public let queue: String
  /// What was to be done.
  public let kind: String
  /// How often it was tried.
  public let attempt: Int
  /// How often a worker died over it.
  public let abandoned: Int
  /// What the last attempt failed with.
  public let failure: String
  /// Since when it waited.
  public let createdAt: Date
  /// Since when it is dead.
  public let diedAt: Date

  public init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    jobID = try columns.next()
    queue = try columns.next()
    kind = try columns.next()
    attempt = try columns.next()
    abandoned = try columns.next()
    failure = try columns.next()
    createdAt = try columns.next()
    diedAt = try columns.next()
  }
}
