import Foundation
import GRPC
import Postgres
import ServiceKit
import ServiceStorage

/// An invitation that identity is to be asked for.
struct InvitationJob: PostgresRow {
  let organizationID: UUID
  /// The request id of the invitation.
  let jobID: UUID
  let clientID: UUID
  let accountID: UUID
  let email: String
  let language: String
  let organizationName: String
  /// How often it was claimed.
  let attempts: Int

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    jobID = try columns.next()
    clientID = try columns.next()
    accountID = try columns.next()
    email = try columns.next()
    language = try columns.next()
    organizationName = try columns.next()
    attempts = try columns.next()
  }

  /// The invitation of a client with an account and an address.
  init?(_ row: ClientRow, jobID: UUID, organizationName: String) {
    guard let account = row.accountID, !row.invitationEmail.isEmpty else { return nil }
    organizationID = row.organizationID
    self.jobID = jobID
    clientID = row.clientID
    accountID = account
    email = row.invitationEmail
    language = row.language
    self.organizationName = organizationName
    attempts = 0
  }
}

extension ClientDirectoryStorage {
  var jobs: InvitationJobs { InvitationJobs(database: database) }
}

/// The table `invitation_jobs`: written by handlers in their own transactions, emptied by the
/// worker.
struct InvitationJobs: JobQueue, Table {
  /// Connected as the role `client_directory_worker` for the queue, which sees the jobs of every
  /// organisation; as `client_directory` for `pending`.
  let database: Database

  static let insert = Statement<NoRow>(
    """
    insert into invitation_jobs (organization_id, job_id, client_id, account_id, email, language,
      organization_name)
    values ($1, $2, $3, $4, $5, $6, $7)
    """)
  static let drop = Statement<NoRow>(
    "delete from invitation_jobs where organization_id = $1 and client_id = $2")
  static let pending = Statement<UUID>(
    "select job_id from invitation_jobs where organization_id = $1 and client_id = $2")
  /// Takes due jobs and leases them for 20 seconds: the call to identity and the answer fit in.
  static let claim = Statement<InvitationJob>(
    """
    update invitation_jobs as j set attempts = j.attempts + 1,
      run_at = now() + interval '20 seconds'
    from (
      select organization_id, job_id from invitation_jobs
      where run_at <= now() and parked_at is null
      order by run_at limit $1 for update skip locked
    ) as due
    where j.organization_id = due.organization_id and j.job_id = due.job_id
    returning j.organization_id, j.job_id, j.client_id, j.account_id, j.email, j.language,
      j.organization_name, j.attempts
    """)
  static let delete = Statement<NoRow>(
    "delete from invitation_jobs where organization_id = $1 and job_id = $2 and attempts = $3")
  static let postpone = Statement<NoRow>(
    """
    update invitation_jobs set run_at = now() + $4 * interval '1 second', failure = $5
    where organization_id = $1 and job_id = $2 and attempts = $3
    """)
  static let setAside = Statement<NoRow>(
    """
    update invitation_jobs set parked_at = now(), failure = $4
    where organization_id = $1 and job_id = $2 and attempts = $3
    """)
  static let statements: [any DescribedStatement] = [
    insert, drop, pending, claim, delete, postpone, setAside,
  ]

  static func inserting(_ job: InvitationJob) -> Query<NoRow> {
    insert(
      job.organizationID, job.jobID, job.clientID, job.accountID, job.email, job.language,
      job.organizationName)
  }

  /// The job of a client that is still to be done, if there is one.
  func pending(
    _ client: UUID, of organization: UUID, deadline: Deadline
  ) async throws -> UUID? {
    try await database.run(
      .organization(organization), deadline: deadline.instant, Self.pending(organization, client)
    ).first
  }

  func claim(atMost count: Int) async throws -> [InvitationJob] {
    try await database.run(.none, Self.claim(count))
  }

  func complete(_ job: InvitationJob) async throws {
    _ = try await database.run(
      .none, Self.delete(job.organizationID, job.jobID, job.attempts))
  }

  func retry(_ job: InvitationJob, after pause: Duration, failure: String) async throws {
    let seconds = Double(pause.components.seconds) + Double(pause.components.attoseconds) / 1e18
    _ = try await database.run(
      .none,
      Self.postpone(
        job.organizationID, job.jobID, job.attempts, seconds, String(failure.prefix(1000))))
  }

  func park(_ job: InvitationJob, failure: String) async throws {
    _ = try await database.run(
      .none,
      Self.setAside(job.organizationID, job.jobID, job.attempts, String(failure.prefix(1000))))
  }

  func attempts(of job: InvitationJob) -> Int { job.attempts }
}
