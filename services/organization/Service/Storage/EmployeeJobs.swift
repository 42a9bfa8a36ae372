import CommonAPI
import Foundation
import Postgres
import ServiceKit
import ServiceStorage

/// A membership and an invitation that identity is to be told about, as they wait in `jobs`.
struct EmployeeJob: Codable, Sendable, Hashable {
  let organizationID: UUID
  /// The request id of the invitation.
  let jobID: UUID
  let employeeID: UUID
  let accountID: UUID
  let email: String
  let language: String
  let organizationName: String
  /// The profile's number.
  private let profileNumber: Int32
  let branchIDs: [UUID]
  /// What the employee may do, as it was when the job was made, so that each attempt asks the same
  /// under its request id. Jobs of older builds have none.
  private let presets: [String]?

  var permissions: [String] { presets ?? PermissionPresets.permissions(of: profile) }
  var profile: Profile { Profile(rawValue: profileNumber) }

  private enum CodingKeys: String, CodingKey {
    case organizationID, jobID, employeeID, accountID, email, language, organizationName
    case profileNumber = "profile"
    case branchIDs
    case presets = "permissions"
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
    profileNumber = employee.profile.rawValue
    branchIDs = employee.branchIDs
    presets = PermissionPresets.permissions(of: employee.profile)
  }
}

/// The jobs that tell identity about new employees.
enum EmployeeJobs {
  static let kind = JobKind<EmployeeJob>(
    "onboarding",
    in: JobQueue("onboarding") {
      $0.concurrency = 16
      $0.lease = .seconds(20)
      $0.heartbeat = .seconds(6)
      $0.firstPause = .milliseconds(500)
      $0.longestPause = .seconds(300)
    })

  static func inserting(_ job: EmployeeJob) throws -> Query<NoRow> {
    try Jobs.enqueue(
      kind, id: job.jobID, organization: job.organizationID, job, key: job.employeeID.text)
  }

  /// Each is done by telling identity.
  static func handler(_ onboarding: EmployeeOnboarding) -> JobHandler {
    JobHandler(kind) { job in
      try await onboarding.perform(job.payload)
      return .done()
    }
  }
}
