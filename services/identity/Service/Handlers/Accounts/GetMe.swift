public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// The caller: account, sign-in names and memberships.
  public func getMe(_ request: GetMeRequest, in call: CallContext) async throws -> Me {
    let caller = try call.caller()
    let account = try await storage.accounts.get(caller.accountID, deadline: call.deadline)
    let memberships = try await storage.memberships.list(
      of: caller.accountID, deadline: call.deadline)
    return Me(account: account.account, memberships: memberships.map(\.membership))
  }
}
