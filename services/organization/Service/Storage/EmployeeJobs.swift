import CommonAPI
import Foundation
import Postgres
import ServiceKit

/// A membership and an invitation that identity is to be told about.
struct EmployeeJob: PostgresRow {
  let organizationID: UUID
  /// The request id of the invitation.
  let jobID: UUID
  let employeeID: UUID
  let accountID: UUID
  let email: String
  let language: String
  let organizationName: String
  let profile: Profile
  let branchIDs: [UUID]
  /// How often it was claimed.
  let attempts: Int

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    jobID = try columns.next()
    employeeID = try columns.next()
    accountID = try columns.next()
    email = try columns.next()
    language = try columns.next()
    organizationName = try columns.next()
    profile = Profile(rawValue: Int32(try columns.next(Int16.self)))
    branchIDs = try columns.next()
    attempts = try columns.next()
  }

  /// The job of an employee just added.
  init(_ employee: EmployeeRow, jobID: UUID, language: String, organizationName: String) {
    organizationID = employee.organizationID
    self.jobID = jobID
    employeeID = employee.employeeID
    accountID = employee.accountID
    email = employee.email
    self.language = language
    self.organizationName = organizationName
    profile = employee.profile
    branchIDs = employee.branchIDs
    attempts = 0
  }
}

/// The table `employee_jobs`: written by handlers in their own transactions, emptied by the worker.
struct EmployeeJobs: JobQueue, Table {
  /// Connected as the role `organization_worker`, which sees the jobs of every organisation.
  let database: Database

  static let insert = Statement<NoRow>(
    """
    insert into employee_jobs (organization_id, job_id, employee_id, account_id, email, language,
      organization_name, profile, branch_ids)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """)
  /// Takes due jobs and leases them for 20 seconds: two calls to identity and the answer fit in.
  static let claim = Statement<EmployeeJob>(
    """
    update employee_jobs as j set attempts = j.attempts + 1, run_at = now() + interval '20 seconds'
    from (
      select organization_id, job_id from employee_jobs
      where run_at <= now() and parked_at is null
      order by run_at limit $1 for update skip locked
    ) as due
    where j.organization_id = due.organization_id and j.job_id = due.job_id
    returning j.organization_id, j.job_id, j.employee_id, j.account_id, j.email, j.language,
      j.organization_name, j.profile, j.branch_ids, j.attempts
    """)
  static let delete = Statement<NoRow>(
    "delete from employee_jobs where organization_id = $1 and job_id = $2 and attempts = $3")
  static let postpone = Statement<NoRow>(
    """
    update employee_jobs set run_at = now() + $4 * interval '1 second', failure = $5
    where organization_id = $1 and job_id = $2 and attempts = $3
    """)
  static let setAside = Statement<NoRow>(
    """
    update employee_jobs set parked_at = now(), failure = $4
    where organization_id = $1 and job_id = $2 and attempts = $3
    """)
  static let statements: [any DescribedStatement] = [insert, claim, delete, postpone, setAside]

  static func inserting(_ job: EmployeeJob) -> Query<NoRow> {
    insert(
      job.organizationID, job.jobID, job.employeeID, job.accountID, job.email, job.language,
      job.organizationName, Int16(job.profile.rawValue), job.branchIDs)
  }

  func claim(atMost count: Int) async throws -> [EmployeeJob] {
    try await database.run(.none, Self.claim(count))
  }

  func complete(_ job: EmployeeJob) async throws {
    _ = try await database.run(
      .none, Self.delete(job.organizationID, job.jobID, job.attempts))
  }

  func retry(_ job: EmployeeJob, after pause: Duration, failure: String) async throws {
    let seconds = Double(pause.components.seconds) + Double(pause.components.attoseconds) / 1e18
    _ = try await database.run(
      .none,
      Self.postpone(
        job.organizationID, job.jobID, job.attempts, seconds, String(failure.prefix(1000))))
  }

  func park(_ job: EmployeeJob, failure: String) async throws {
    _ = try await database.run(
      .none,
      Self.setAside(job.organizationID, job.jobID, job.attempts, String(failure.prefix(1000))))
  }

  func attempts(of job: EmployeeJob) -> Int { job.attempts }
}
