public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Validates the account, sets its password and puts on the hat (B40). An account that has a
  /// password is asked for that one.
  public func acceptInvitation(
    _ request: AcceptInvitationRequest, in call: CallContext
  ) async throws -> AcceptInvitationResponse {
    guard let link = links.link(request.token) else { throw IdentityError.invitationNotFound }
    // The stored hash must not be something to try passwords against.
    var bare = request
    bare.password = passwords.fingerprint(of: request.password, in: request.requestID)
    let key = try RequestKey(
      request.requestID, organization: link.organizationID, in: call, for: bare)
    let answer = try await storage.idempotency.repeatable(
      key, deadline: call.deadline, isCostly: true
    ) {
      let now = clock.now()
      let page = try await storage.invitations.page(link, at: now, deadline: call.deadline)
      let password = try await settle(request.password, page, in: call)
      return try await storage.invitations.accept(
        link, page, password: password, request: key, at: now, deadline: call.deadline)
    }
    CrashPoint.reach("identity.accept.after-commit")
    return answer
  }

  /// The hash of a first password; nil when the account's own was given.
  private func settle(
    _ text: String, _ page: InvitationPage, in call: CallContext
  ) async throws -> PasswordHash? {
    guard let stored = page.password else {
      return try await passwords.hash(
        choosing: Password(choosing: text), context: page.context, deadline: call.deadline)
    }
    guard
      try await isRight(
        Password(trying: text), stored, counting: [.account(page.accountID)], in: call)
    else { throw IdentityError.passwordWrong }
    return nil
  }
}
