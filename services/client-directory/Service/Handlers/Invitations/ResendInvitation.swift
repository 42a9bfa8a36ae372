public import ClientDirectoryAPI
import Foundation
public import GRPC
import OrganizationAPI
import ServiceKit

extension ClientDirectoryService {
  /// Sends the invitation, for the first time or once more (B25).
  public func resendInvitation(
    _ request: ResendInvitationRequest, in call: CallContext
  ) async throws -> ResendInvitationResponse {
    var errors = FieldErrors()
    let client = Parse.uuid(request.clientID, "client_id", &errors)
    try errors.throwIfAny()
    let intent = try Intent(
      request.requestID, organization: try call.organization(), in: call, for: request)
    var response = ResendInvitationResponse()
    return try await changing(
      client ?? .first, as: ClientAct("client.resend_invitation"), for: intent, in: call,
      answer: { _ in response }
    ) { row in
      guard row.accessState != .active else { throw ClientDirectoryError.alreadyActive }
      guard row.accountID != nil, !row.invitationEmail.isEmpty else {
        throw ClientDirectoryError.noPrimaryEmail
      }
      response.email = row.invitationEmail
      response.sendCount = try await send(row, intent, in: call)
      row.accessState = .invited
      return [.dropInvitationJob]
    }
  }

  /// How often the invitation was sent, this time included. A job that is still waiting lends its
  /// id, so that the worker and this call together make one invitation.
  private func send(
    _ row: ClientRow, _ intent: Intent, in call: CallContext
  ) async throws -> Int32 {
    if let count = try await identity.resend(
      row, requestID: intent.derived("resend"), in: call)
    {
      return count
    }
    let waiting = try await storage.pendingInvitation(
      of: row.clientID, in: row.organizationID, deadline: call.deadline)
    let policy = try await organization.policy(in: call)
    guard
      let job = InvitationJob(
        row, jobID: waiting ?? intent.derived("invitation"),
        organizationName: policy.organizationName)
    else { throw ClientDirectoryError.noPrimaryEmail }
    return try await identity.invite(job, options: call.onward())
  }
}
