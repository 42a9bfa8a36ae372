import CommonAPI
import GRPC
import IdentityAPI
import ServiceKit

/// Tells identity about a new employee: first what they may do here, then that they are invited.
/// Both calls are safe to repeat, so a crash between them costs nothing.
struct EmployeeOnboarding: Sendable {
  let identity: IdentityServiceClient

  func perform(_ job: EmployeeJob) async throws {
    try await putMembership(job)
    CrashPoint.reach("organization.invite.after-membership")
    _ = try await identity.createInvitation(
      CreateInvitationRequest(
        requestID: job.jobID.text, organizationID: job.organizationID.text,
        organizationName: job.organizationName, accountID: job.accountID.text,
        purpose: .joinStaff, email: job.email, language: job.language,
        recordID: job.employeeID.text),
      options: .background())
    CrashPoint.reach("organization.invite.after-call")
  }

  private func putMembership(_ job: EmployeeJob) async throws {
    let membership = Membership(
      accountID: job.accountID.text, organizationID: job.organizationID.text, hat: .staff,
      profile: job.profile, branchIDs: job.branchIDs.map(\.text),
      permissions: job.permissions, recordID: job.employeeID.text, active: true, version: 1,
      organizationName: job.organizationName)
    do {
      _ = try await identity.putMembership(
        PutMembershipRequest(
          requestID: job.jobID.derived("membership").text, membership: membership),
        options: .background())
    } catch let error as RPCError where error.reason == "STALE_VERSION" {
      // A newer membership is there already; this one has nothing to add.
    }
  }
}
