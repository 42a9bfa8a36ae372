public import CommonAPI
public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Notes that the caller has the mobile app.
  public func recordAppInstallation(
    _ request: RecordAppInstallationRequest, in call: CallContext
  ) async throws -> Empty {
    try await storage.accounts.noteApp(call.caller().accountID, at: clock.now(), in: call)
    return Empty()
  }
}
