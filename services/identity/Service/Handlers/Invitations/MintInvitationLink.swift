public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// The token of a sending's link, always the same for the same sending. Who holds it can answer
  /// for the person, so each is on record before it is given.
  public func mintInvitationLink(
    _ request: MintInvitationLinkRequest, in call: CallContext
  ) async throws -> MintInvitationLinkResponse {
    var errors = FieldErrors()
    let organization = Parse.uuid(request.organizationID, "organization_id", &errors)
    let id = Parse.uuid(request.invitationID, "invitation_id", &errors)
    if request.sendCount < 1 { errors.add("send_count", "must be 1 or more") }
    try errors.throwIfAny()
    guard let organization, let id else { throw IdentityError.invitationNotFound }
    let row = try await storage.invitations.get(id, in: organization, deadline: call.deadline)
    try row.mint(request.sendCount, at: clock.now())
    try await storage.invitations.recordLink(to: row, request.sendCount, in: call)
    return MintInvitationLinkResponse(
      token: links.token(
        for: InvitationLink(
          organizationID: organization, invitationID: id, sendCount: request.sendCount)))
  }
}
