import Foundation
import GRPC
import Postgres
import ServiceKit
import ServiceStorage

/// An invitation that identity is to be asked for, as it waits in `jobs`.
struct InvitationJob: Codable, Sendable, Hashable {
  let organizationID: UUID
  /// The request id of the invitation.
  let jobID: UUID
  let clientID: UUID
  let accountID: UUID
  let email: String
  let language: String
  let organizationName: String

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
  }
}

/// The jobs that have clients invited, one a client at a time.
enum InvitationJobs {
  static let kind = JobKind<InvitationJob>(
    "invitation",
    in: JobQueue("invitations") {
      $0.concurrency = 16
      $0.lease = .seconds(20)
      $0.heartbeat = .seconds(6)
      $0.firstPause = .milliseconds(500)
      $0.longestPause = .seconds(300)
    })

  static func inserting(_ job: InvitationJob) throws -> AnyQuery {
    AnyQuery(
      try Jobs.enqueue(
        kind, id: job.jobID, organization: job.organizationID, job, key: job.clientID.text))
  }

  static func dropping(_ client: UUID, of organization: UUID) -> AnyQuery {
    AnyQuery(Jobs.drop(kind, key: client.text, organization: organization))
  }

  /// Each is done by asking identity.
  static func handler(_ invitations: Invitations) -> JobHandler {
    JobHandler(kind) { job in
      try await invitations.perform(job.payload)
      return .done()
    }
  }
}

extension ClientDirectoryStorage {
  /// The job that has a client invited, when it is still to be done.
  func pendingInvitation(
    of client: UUID, in organization: UUID, deadline: Deadline
  ) async throws -> UUID? {
    try await Jobs(database: database).pending(
      InvitationJobs.kind, key: client.text, organization: organization, deadline: deadline)
  }
}
