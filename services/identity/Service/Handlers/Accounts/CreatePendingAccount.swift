public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Makes an account that nobody has proved anything about yet (B1, B6, B8, B9).
  public func createPendingAccount(
    _ request: CreatePendingAccountRequest, in call: CallContext
  ) async throws -> Account {
    let draft = try PendingAccountDraft(request)
    let key = try RequestKey(
      request.requestID, organization: draft.organizationID, in: call, for: request)
    return try await storage.accounts.createPending(
      draft, request: key, at: clock.now(), deadline: call.deadline)
  }
}
