public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Invites an account to an organisation (B4, B39). The mail follows from the feed.
  public func createInvitation(
    _ request: CreateInvitationRequest, in call: CallContext
  ) async throws -> Invitation {
    let draft = try InvitationDraft(request)
    let key = try RequestKey(
      request.requestID, organization: draft.organizationID, in: call, for: request)
    let invitation = try await storage.invitations.create(
      draft, request: key, life: limits.invitationLife, at: clock.now(), deadline: call.deadline)
    CrashPoint.reach("identity.create-invitation.after-commit")
    return invitation
  }
}
