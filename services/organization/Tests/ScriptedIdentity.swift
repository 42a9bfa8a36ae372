import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import ServiceKit
import Synchronization

/// Stands in for the remote service identity, as its proto promises to behave: accounts by address,
/// each request id answered once and the same ever after. What it was asked is kept for the tests.
final class ScriptedIdentity: IdentityServiceProtocol {
  struct State {
    /// Answers by request id, for calls that are safe to repeat.
    var accounts: [String: Account] = [:]
    var memberships: [String: Membership] = [:]
    var invitations: [String: CreateInvitationRequest] = [:]
    /// Reasons by address, for addresses that cannot be reserved.
    var taken: [String: String] = [:]
    /// Thrown by every call while set.
    var outage: RPCError?
    var calls = 0
  }

  let state = Mutex(State())

  var invitations: [CreateInvitationRequest] { state.withLock { Array($0.invitations.values) } }
  var memberships: [Membership] { state.withLock { Array($0.memberships.values) } }
  var accountCount: Int { state.withLock { $0.accounts.count } }

  /// From now on the address answers with a reason.
  func take(_ email: String, _ reason: String) { state.withLock { $0.taken[email] = reason } }

  /// From now on every call fails, or none.
  func fail(with error: RPCError?) { state.withLock { $0.outage = error } }

  func createPendingAccount(
    _ request: CreatePendingAccountRequest, in call: CallContext
  ) async throws -> Account {
    try state.withLock { state in
      try Self.enter(&state)
      if let earlier = state.accounts[request.requestID] { return earlier }
      if let reason = state.taken[request.loginEmail.lowercased()] {
        throw RPCError(.alreadyExists, reason: reason, "taken")
      }
      // An address that another pending account holds answers that account.
      if !request.loginEmail.isEmpty,
        let same = state.accounts.values.first(where: { $0.loginEmail == request.loginEmail })
      {
        state.accounts[request.requestID] = same
        return same
      }
      let account = Account(
        accountID: UUIDv7.make().text, state: .pending,
        username: "\(request.givenName)_\(request.familyName)_\(state.accounts.count)",
        loginEmail: request.loginEmail,
        displayName: "\(request.givenName) \(request.familyName)", language: request.language)
      state.accounts[request.requestID] = account
      return account
    }
  }

  func putMembership(
    _ request: PutMembershipRequest, in call: CallContext
  ) async throws -> Membership {
    try state.withLock { state in
      try Self.enter(&state)
      let membership = request.membership ?? Membership()
      state.memberships[request.requestID] = membership
      return membership
    }
  }

  func createInvitation(
    _ request: CreateInvitationRequest, in call: CallContext
  ) async throws -> Invitation {
    try state.withLock { state in
      try Self.enter(&state)
      state.invitations[request.requestID] = request
      return Invitation(
        invitationID: UUIDv7.make().text, organizationID: request.organizationID,
        accountID: request.accountID, purpose: request.purpose, state: .pending,
        email: request.email, recordID: request.recordID, sendCount: 1)
    }
  }

  private static func enter(_ state: inout State) throws {
    state.calls += 1
    if let outage = state.outage { throw outage }
  }

  // MARK: Not asked by this service

  private func unasked<Answer>() throws -> Answer {
    throw RPCError(.unimplemented, "not asked by organization")
  }

  func checkIdentifier(
    _ request: CheckIdentifierRequest, in call: CallContext
  ) async throws -> CheckIdentifierResponse { try unasked() }
  func reserveLoginEmail(
    _ request: ReserveLoginEmailRequest, in call: CallContext
  ) async throws -> Account { try unasked() }
  func getAccount(
    _ request: GetAccountRequest, in call: CallContext
  ) async throws -> Account { try unasked() }
  func resendInvitation(
    _ request: ResendInvitationRequest, in call: CallContext
  ) async throws -> Invitation { try unasked() }
  func mintInvitationLink(
    _ request: MintInvitationLinkRequest, in call: CallContext
  ) async throws -> MintInvitationLinkResponse { try unasked() }
  func lookupInvitation(
    _ request: LookupInvitationRequest, in call: CallContext
  ) async throws -> LookupInvitationResponse { try unasked() }
  func acceptInvitation(
    _ request: AcceptInvitationRequest, in call: CallContext
  ) async throws -> AcceptInvitationResponse { try unasked() }
  func signIn(_ request: SignInRequest, in call: CallContext) async throws -> SignInResponse {
    try unasked()
  }
  func signOut(_ request: SignOutRequest, in call: CallContext) async throws -> Empty {
    try unasked()
  }
  func introspectSession(
    _ request: IntrospectSessionRequest, in call: CallContext
  ) async throws -> Session { try unasked() }
  func issueContextToken(
    _ request: IssueContextTokenRequest, in call: CallContext
  ) async throws -> IssueContextTokenResponse { try unasked() }
  func changePassword(
    _ request: ChangePasswordRequest, in call: CallContext
  ) async throws -> Empty { try unasked() }
  func getMe(_ request: GetMeRequest, in call: CallContext) async throws -> Me { try unasked() }
}
