public import CommonAPI
public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Changes the caller's own password; every other session of the account ends.
  public func changePassword(
    _ request: ChangePasswordRequest, in call: CallContext
  ) async throws -> Empty {
    let caller = try call.caller()
    let chosen = try Password(choosing: request.newPassword)
    // The stored hash must not be something to try passwords against.
    var bare = request
    bare.currentPassword = passwords.fingerprint(of: request.currentPassword, in: request.requestID)
    bare.newPassword = passwords.fingerprint(of: request.newPassword, in: request.requestID)
    let key = try RequestKey(request.requestID, account: caller.accountID, in: call, for: bare)
    return try await storage.idempotency.repeatable(
      key, deadline: call.deadline, isCostly: true
    ) {
      let stored = try await storage.credentials.find(caller.accountID, deadline: call.deadline)
      guard
        try await isRight(
          Password(trying: request.currentPassword), stored?.password,
          counting: [.account(caller.accountID)], in: call)
      else { throw IdentityError.passwordWrong }
      let account = try await storage.accounts.get(caller.accountID, deadline: call.deadline)
      let hash = try await passwords.hash(
        choosing: chosen, context: account.context, deadline: call.deadline)
      return try await storage.credentials.change(
        caller.accountID, to: hash, keeping: caller.sessionID, request: key, at: clock.now(),
        deadline: call.deadline)
    }
  }
}
