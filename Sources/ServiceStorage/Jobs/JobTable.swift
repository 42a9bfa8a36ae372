import Foundation
import Postgres
import ServiceKit

/// A job as claimed.
struct ClaimedJob: PostgresRow, Hashable {
  let organizationID: UUID
  let jobID: UUID
  let kind: String
  let payload: [UInt8]
  let attempt: Int
  let attemptsMax: Int
  let abandoned: Int
  let fence: Int64
  /// For how long it had been due, seconds.
  let overdue: Double

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    jobID = try columns.next()
    kind = try columns.next()
    payload = try columns.next()
    attempt = try columns.next()
    attemptsMax = try columns.next()
    abandoned = try columns.next()
    fence = try columns.next()
    overdue = try columns.next()
  }
}

/// The worker's side of `jobs`. A claim is a lease with a number: when it runs out the job is taken
/// again, and word of the late worker is not taken any more.
struct JobTable: Table, Sendable {
  /// Connected as the service's worker role, which sees the jobs of every organisation.
  let worker: Database
  let queue: JobQueue

  /// While a job is leased, `run_at` is when the lease ends, so that it becomes due by itself. Those
  /// are orphans, taken apart from the others. Rows are found again by their place: the table's size
  /// says nothing of what is in it, and misleads the planner into passing all of it. The claim's
  /// number is its transaction's, which Citus takes where it refuses a sequence.
  private static func claiming(_ which: String) -> Statement<ClaimedJob> {
    Statement(
      """
      with due as (
        select ctid as place, extract(epoch from now() - run_at)::float8 as overdue
        from jobs
        where queue = $1 and \(which) and run_at <= now()
          and run_at >= now() - make_interval(secs => $5) and kind = any ($2)
        order by run_at limit $3 for update skip locked
      )
      update jobs as j
      set attempt = j.attempt + 1, abandoned = j.abandoned + (j.lease_until is not null)::integer,
        lease_until = now() + make_interval(secs => $4),
        run_at = now() + make_interval(secs => $4), fence = pg_current_xact_id()::text::bigint
      from due
      where j.ctid = due.place
      returning j.organization_id, j.job_id, j.kind, j.payload, j.attempt, j.attempts_max,
        j.abandoned, j.fence, due.overdue
      """)
  }
  private static let claim = claiming("lease_until is null")
  private static let adopt = claiming("lease_until is not null")
  private static let extend = Statement<NoRow>(
    """
    update jobs
    set lease_until = now() + make_interval(secs => $4), run_at = now() + make_interval(secs => $4)
    where organization_id = $1 and job_id = $2 and fence = $3 and lease_until is not null
    """)
  /// Locks a job for its holder, or fails for anybody else, and for a holder who gave it back: the
  /// division does, and with it all that was to be done in the same transaction.
  static let hold = Statement<NoRow>(
    """
    select 1 / count(*) from (
      select from jobs
      where organization_id = $1 and job_id = $2 and fence = $3 and lease_until is not null
      for update) as held
    """, writes: true)
  /// Takes back that the job's worker died over it: it was late.
  private static let acquit = Statement<NoRow>(
    """
    update jobs set abandoned = abandoned - 1
    where organization_id = $1 and job_id = $2 and fence <> $3 and abandoned > 0
    """)
  private static let delete = Statement<NoRow>(
    "delete from jobs where organization_id = $1 and job_id = $2")
  /// An attempt that does not count gives one more, and still lengthens the pause after it.
  private static let postpone = Statement<NoRow>(
    """
    update jobs
    set run_at = now() + make_interval(secs => $3), lease_until = null, failure = $4,
      attempts_max = attempts_max + $5
    where organization_id = $1 and job_id = $2
    """)
  private static let bury = Statement<NoRow>(
    """
    with dead as (delete from jobs where organization_id = $1 and job_id = $2 returning *)
    insert into dead_jobs (
      organization_id, job_id, queue, kind, dedupe_key, payload, attempt, attempts_max, abandoned,
      failure, created_at)
    select organization_id, job_id, queue, kind, dedupe_key, payload, attempt, attempts_max,
      abandoned, $3, created_at
    from dead
    """)
  private static let census = Statement<JobCensus>(
    """
    select count(*), count(*) filter (where lease_until is not null),
      extract(epoch from coalesce(now() - min(run_at) filter (where run_at <= now()), '0'))::float8,
      extract(epoch from coalesce(now() - min(created_at) filter (where failure <> ''), '0'))::float8,
      (select count(*) from dead_jobs where queue = $1)
    from jobs where queue = $1
    """)
  /// Of each kind the oldest job that was put back, if it was made so long ago.
  private static let stuck = Statement<StuckJob>(
    """
    select distinct on (kind) kind, job_id, created_at from jobs
    where queue = $1 and failure <> '' and created_at <= now() - make_interval(secs => $2)
    order by kind, created_at, job_id
    """)
  private static let nothing = Statement<Bool>("select true")
  static let statements: [any DescribedStatement] = [
    claim, adopt, extend, hold, acquit, delete, postpone, bury, census, stuck, nothing,
  ]

  /// Takes jobs that are due and nobody's, the longest waiting first. From here on the attempt counts.
  /// - Parameter reach: how long ago they became due at most; nil for whenever.
  func claim(
    _ kinds: [String], atMost count: Int, reach: Duration? = nil
  ) async throws(PostgresError) -> [ClaimedJob] {
    try await take(Self.claim, kinds, atMost: count, reach)
  }

  /// Takes a job whose lease ran out, the longest waiting first. Another death is counted with it.
  /// - Parameter reach: how long ago it ran out at most; nil for whenever.
  func adopt(_ kinds: [String], reach: Duration? = nil) async throws(PostgresError) -> ClaimedJob? {
    try await take(Self.adopt, kinds, atMost: 1, reach).first
  }

  private func take(
    _ statement: Statement<ClaimedJob>, _ kinds: [String], atMost count: Int, _ reach: Duration?
  ) async throws(PostgresError) -> [ClaimedJob] {
    try await worker.run(
      .none,
      statement(queue.name, kinds, count, queue.lease.inSeconds, reach?.inSeconds ?? Self.ever))
  }

  /// Longer than any job waits, in seconds.
  private static let ever = 1e9

  /// Holds on to jobs for another lease; those that are lost stay lost.
  func extend(_ jobs: [ClaimedJob]) async throws(PostgresError) {
    try await worker.run(
      .none,
      all: jobs.map { job in
        AnyQuery(Self.extend(job.organizationID, job.jobID, job.fence, queue.lease.inSeconds))
      })
  }

  /// Whether nobody else took the job meanwhile.
  /// - Parameter deadline: nil for that of any call.
  func isHeld(
    _ job: ClaimedJob, deadline: ContinuousClock.Instant? = nil
  ) async throws(PostgresError) -> Bool {
    do {
      _ = try await worker.run(
        .none, deadline: deadline, Self.hold(job.organizationID, job.jobID, job.fence))
      return true
    } catch  where error.sqlState == Self.divisionByZero {
      return false
    }
  }

  /// Says that whoever lost the job lives, so that it does not pass for one that kills its workers.
  func acquit(_ job: ClaimedJob) async throws(PostgresError) {
    try await worker.run(.none, Self.acquit(job.organizationID, job.jobID, job.fence))
  }

  /// Notes what became of a job, with its effect, in one transaction.
  /// - Throws: division by zero when the job is somebody else's.
  func settle(
    _ job: ClaimedJob, _ verdict: JobVerdict, _ effect: [AnyQuery]
  ) async throws(PostgresError) {
    let hold = AnyQuery(Self.hold(job.organizationID, job.jobID, job.fence))
    let scope: Scope =
      job.organizationID == Jobs.system ? .none : .organization(job.organizationID)
    try await worker.run(scope, all: [hold] + effect + queries(job, verdict))
  }

  private func queries(_ job: ClaimedJob, _ verdict: JobVerdict) -> [AnyQuery] {
    switch verdict {
    case .complete:
      [AnyQuery(Self.delete(job.organizationID, job.jobID))]
    case .postpone(let pause, let because, let counts):
      [
        AnyQuery(
          Self.postpone(
            job.organizationID, job.jobID, pause.inSeconds, Self.cut(because), counts ? 0 : 1))
      ]
    case .bury(let because):
      [
        AnyQuery(Self.bury(job.organizationID, job.jobID, Self.cut(because))),
        Alerts.raise(
          kind: JobDesk.alert, subject: "\(queue.name)/\(job.kind)",
          detail: "job \(job.jobID.text) is dead after \(job.attempt) attempts"),
      ]
    }
  }

  /// How the queue stands.
  func census() async throws(PostgresError) -> JobCensus? {
    try await worker.run(.none, deadline: .now + .seconds(1), Self.census(queue.name)).first
  }

  /// Whether the database answers at all, within a second.
  func isThere() async -> Bool {
    (try? await worker.run(.none, deadline: .now + .seconds(1), Self.nothing())) != nil
  }

  /// Whether the database locks the job's row, or says that it is somebody else's, within a second.
  func answers(about job: ClaimedJob) async -> Bool {
    (try? await isHeld(job, deadline: .now + .seconds(1))) != nil
  }

  /// Raises an alert for each kind of which a job was made so long ago, was tried, and is not done,
  /// and clears those of the other kinds.
  func tellOfStuck(_ kinds: [String], after patience: Duration) async throws(PostgresError) {
    let stuck = try await worker.run(.none, Self.stuck(queue.name, patience.inSeconds))
    let details = Dictionary(
      stuck.map { ($0.kind, $0.text) }, uniquingKeysWith: { first, _ in first })
    try await worker.run(
      .none,
      all: kinds.map { kind in
        let subject = "\(queue.name)/\(kind)"
        return if let detail = details[kind] {
          Alerts.raise(kind: JobDesk.stuckAlert, subject: subject, detail: detail)
        } else {
          Alerts.clear(kind: JobDesk.stuckAlert, subject: subject)
        }
      })
  }

  /// What `hold` fails with.
  static let divisionByZero = "22012"

  private static func cut(_ text: String) -> String { String(text.unicodeScalars.prefix(1000)) }
}

/// How a queue stands.
struct JobCensus: PostgresRow, Hashable {
  /// Jobs that are not done.
  let depth: Int
  /// How many of them somebody is at.
  let leased: Int
  /// For how long the longest waiting one has been due, seconds.
  let oldestDue: Double
  /// How long ago the oldest one was made that was tried and put back, seconds.
  let oldestTried: Double
  let dead: Int

  init(from columns: inout ColumnReader) throws(PostgresError) {
    depth = try columns.next()
    leased = try columns.next()
    oldestDue = try columns.next()
    oldestTried = try columns.next()
    dead = try columns.next()
  }
}

/// A job that was tried and is not done for long.
private struct StuckJob: PostgresRow {
  let kind: String
  /// What is to be said of it.
  let text: String

  init(from columns: inout ColumnReader) throws(PostgresError) {
    kind = try columns.next()
    let id = try columns.next(UUID.self)
    let made = try columns.next(Date.self).formatted(.iso8601)
    text =
      "job \(id.text), made at \(made), was tried and is not done: see `clientele jobs failing`"
  }
}

extension Duration {
  var inSeconds: Double { self / .seconds(1) }
}
