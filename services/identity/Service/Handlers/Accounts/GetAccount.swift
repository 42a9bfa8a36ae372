public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// An account by its id.
  public func getAccount(
    _ request: GetAccountRequest, in call: CallContext
  ) async throws -> Account {
    var errors = FieldErrors()
    let id = Parse.uuid(request.accountID, "account_id", &errors)
    try errors.throwIfAny()
    guard let id else { throw IdentityError.accountNotFound }
    return try await storage.accounts.get(id, deadline: call.deadline).account
  }
}
