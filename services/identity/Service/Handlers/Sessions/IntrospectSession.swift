public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Whom a session token stands for. Counts as use of the session.
  public func introspectSession(
    _ request: IntrospectSessionRequest, in call: CallContext
  ) async throws -> Session {
    guard let token = SessionToken(request.sessionToken) else {
      throw IdentityError.sessionInvalid
    }
    let use = try await storage.sessions.use(token, at: clock.now(), deadline: call.deadline)
    return use.session.session(use.memberships)
  }
}
