public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Sends an invitation once more under a new link (B25); the older link opens no more.
  public func resendInvitation(
    _ request: ResendInvitationRequest, in call: CallContext
  ) async throws -> Invitation {
    let draft = try ResendDraft(request)
    let key = try RequestKey(
      request.requestID, organization: draft.organizationID, in: call, for: request)
    let invitation = try await storage.invitations.resend(
      draft, request: key, limits: limits, at: clock.now(), deadline: call.deadline)
    CrashPoint.reach("identity.resend-invitation.after-commit")
    return invitation
  }
}
