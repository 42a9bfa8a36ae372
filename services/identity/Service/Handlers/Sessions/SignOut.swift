public import CommonAPI
public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Ends the session of the caller.
  public func signOut(_ request: SignOutRequest, in call: CallContext) async throws -> Empty {
    let caller = try call.caller()
    try await storage.sessions.end(
      caller.sessionID, of: caller.accountID, at: clock.now(), in: call)
    return Empty()
  }
}
