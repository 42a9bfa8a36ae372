import CommonAPI
public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// What the page behind a link shows. Opening it changes nothing: mail scanners open links too.
  public func lookupInvitation(
    _ request: LookupInvitationRequest, in call: CallContext
  ) async throws -> LookupInvitationResponse {
    guard let link = links.link(request.token) else { throw IdentityError.invitationNotFound }
    let page = try await storage.invitations.page(link, at: clock.now(), deadline: call.deadline)
    return LookupInvitationResponse(
      organizationName: page.organizationName, displayName: page.displayName,
      maskedEmail: EmailAddress(page.email)?.masked ?? "", username: page.username,
      emailSignsIn: page.emailSignsIn, purpose: page.aim.onTheWire,
      passwordSet: page.password != nil, language: page.language,
      expireTime: Timestamp(page.expiresAt))
  }
}
