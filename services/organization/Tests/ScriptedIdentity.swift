import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import ServiceKit
import Synchronization

/// Stands in for the remote service identity, as its proto promises to behave: accounts by address,
/// each request id answered once and the same ever after. What it was asked is kept for the tests.
final class ScriptedIdentity: Sendable {
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

  /// The methods above; every other answers UNIMPLEMENTED, so that a new rpc concerns nobody here.
  var binding: ServiceBinding {
    ServiceBinding(
      IdentityServiceMethods.service,
      [
        .unary(IdentityServiceMethods.createPendingAccount, createPendingAccount),
        .unary(IdentityServiceMethods.putMembership, putMembership),
        .unary(IdentityServiceMethods.createInvitation, createInvitation),
      ])
  }
}
