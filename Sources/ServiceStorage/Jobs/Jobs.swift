public import Foundation
public import GRPC
public import Postgres

/// The table `jobs`, which every service has: what is to be done later, or until it succeeds.
/// Written in the transaction of the change that wants it, emptied by workers. A job that is done is
/// deleted, a dead one moves to `dead_jobs`.
public struct Jobs: Table, Sendable {
  /// The organisation of jobs that are the system's own.
  static let system = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

  private static let insert = Statement<NoRow>(
    """
    insert into jobs (
      organization_id, job_id, queue, kind, dedupe_key, payload, attempts_max, run_at)
    values ($1, $2, $3, $4, $5, $6, $7, greatest($8, now())) on conflict do nothing
    """, announces: true)
  private static let deleteKeyed = Statement<NoRow>(
    """
    with dead as (
      delete from dead_jobs where organization_id = $1 and kind = $2 and dedupe_key = $3
    )
    delete from jobs where organization_id = $1 and kind = $2 and dedupe_key = $3
    """)
  private static let selectKeyed = Statement<UUID>(
    """
    select job_id from jobs where organization_id = $1 and kind = $2 and dedupe_key = $3
    union all
    select job_id from dead_jobs where organization_id = $1 and kind = $2 and dedupe_key = $3
    """)

  private static let countSome = Statement<Int>(
    """
    select count(*) from (
      select from jobs where organization_id = $1 and kind = $2 limit $3) as waiting
    """)

  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] {
    [insert, deleteKeyed, selectKeyed, countSome]
  }

  private let database: Database

  /// - Parameter database: connected as the service's role, or its worker's.
  public init(database: Database) { self.database = database }

  /// The query that has something done; put it in the `run` of the change it belongs to.
  ///
  /// - Parameters:
  ///   - id: enqueueing an id twice is enqueueing it once.
  ///   - organization: whose job it is, which must be the scope's; nil for the system's own.
  ///   - key: when given, at most one job of the kind and key is live in an organisation; another
  ///     one is not taken.
  ///   - runAt: not before then; at once when nil or past.
  /// - Throws: `EncodingError` for a payload that is no JSON.
  public static func enqueue<Payload>(
    _ kind: JobKind<Payload>, id: UUID, organization: UUID?, _ payload: Payload,
    key: String? = nil, runAt: Date? = nil
  ) throws -> Query<NoRow> {
    let data = try JSONEncoder().encode(payload)
    return insert(
      organization ?? system, id, kind.queue.name, kind.name, key, [UInt8](data), kind.attemptsMax,
      runAt)
  }

  /// The query that takes back the job of a key, dead or alive, if it is not done yet. A worker that is at it now
  /// finds out when it wants to note the end.
  public static func drop<Payload>(
    _ kind: JobKind<Payload>, key: String, organization: UUID
  ) -> Query<NoRow> {
    deleteKeyed(organization, kind.name, key)
  }

  /// The job of a key that is still to be done, dead ones included; nil when there is none.
  public func pending<Payload>(
    _ kind: JobKind<Payload>, key: String, organization: UUID, deadline: Deadline
  ) async throws(PostgresError) -> UUID? {
    try await database.run(
      .organization(organization), deadline: deadline.instant,
      Self.selectKeyed(organization, kind.name, key)
    ).first
  }

  /// How many jobs of a kind an organisation has waiting, in whichever queue; it counts no further
  /// than `limit`.
  public func waiting<Payload>(
    _ kind: JobKind<Payload>, organization: UUID, upTo limit: Int
  ) async throws(PostgresError) -> Int {
    try await database.run(
      .organization(organization), Self.countSome(organization, kind.name, limit)
    ).first ?? 0
  }

  /// The query that fails, and what is in the same `run` with it, unless a job is still in the hand
  /// it was given to. Put it first.
  public static func hold<Payload>(_ job: Job<Payload>) -> Query<NoRow> {
    JobTable.hold(job.organizationID ?? system, job.id, job.fence)
  }
}
