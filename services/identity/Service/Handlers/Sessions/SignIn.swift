import Foundation
public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Signs in by e-mail or username (B5). Whatever is wrong, the refusal is the same and takes the
  /// same time: a name that signs nobody in is compared with a hash that fits no password.
  public func signIn(
    _ request: SignInRequest, in call: CallContext
  ) async throws -> SignInResponse {
    let name = SignInName(request.identifier)
    let password = Password(trying: request.password)
    let found = try await find(name, in: call)
    let stored = found?.accountState == .active ? found?.password : nil
    var subjects: [FailureSubject] = []
    if let network = Network.of(request.remoteAddress) { subjects.append(.network(network)) }
    if let found {
      subjects.append(.account(found.accountID))
    } else if let name {
      subjects.append(.unknown(name))
    }
    guard try await isRight(password, stored, counting: subjects, in: call), let found, let stored
    else { throw IdentityError.signInRefused }
    if let renewed = await passwords.renewal(of: stored, for: password, deadline: call.deadline) {
      try await storage.credentials.renew(
        found.accountID, from: stored, to: renewed, deadline: call.deadline)
    }
    return try await open(found, in: call)
  }

  private func find(_ name: SignInName?, in call: CallContext) async throws -> CredentialRow? {
    guard let name else { return nil }
    return try await storage.credentials.find(name, deadline: call.deadline)
  }

  /// Opens a session, shorter for people who work for an organisation.
  private func open(
    _ found: CredentialRow, in call: CallContext
  ) async throws -> SignInResponse {
    let now = clock.now()
    let memberships = try await storage.memberships.list(
      of: found.accountID, deadline: call.deadline)
    let isStaff = memberships.contains { $0.hat == .staff }
    let token = SessionToken(random)
    let session = SessionRow(
      id: UUIDv7.make(at: now), accountID: found.accountID,
      life: isStaff ? limits.staffSessionLife : limits.clientSessionLife,
      idle: isStaff ? limits.staffSessionIdle : limits.clientSessionIdle, at: now)
    try await storage.sessions.open(session, token: token, in: call)
    return SignInResponse(
      sessionToken: token.text, session: session.session(memberships),
      displayName: found.displayName)
  }
}
