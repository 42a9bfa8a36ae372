public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Binds an address to a pending account, or releases the one it reserved (B6, B24, B29, B47).
  public func reserveLoginEmail(
    _ request: ReserveLoginEmailRequest, in call: CallContext
  ) async throws -> Account {
    var errors = FieldErrors()
    let organization = Parse.uuid(request.organizationID, "organization_id", &errors)
    let account = Parse.uuid(request.accountID, "account_id", &errors)
    if request.requestID.isEmpty { errors.add("request_id", "is required") }
    try errors.throwIfAny()
    let email = EmailAddress(request.loginEmail)
    guard let organization, let account, email != nil || request.loginEmail.isEmpty else {
      throw IdentityError.emailInvalid(field: "login_email")
    }
    let key = try RequestKey(
      request.requestID, organization: organization, in: call, for: request)
    return try await storage.accounts.reserveEmail(
      email, for: account, organization: organization, request: key, at: clock.now(),
      deadline: call.deadline)
  }
}
