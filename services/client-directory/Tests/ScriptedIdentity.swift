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
    var answers: [String: Account] = [:]
    /// Every account by its id.
    var accounts: [String: Account] = [:]
    /// Invitations by request id, and how often each was sent by record.
    var invitations: [String: CreateInvitationRequest] = [:]
    var sent: [String: Int32] = [:]
    /// Which account was invited last, by record.
    var invited: [String: String] = [:]
    var resent: Set<String> = []
    /// Reasons by address, for addresses that cannot be reserved.
    var taken: [String: String] = [:]
    /// Thrown by every call while set.
    var outage: RPCError?
    var calls = 0
  }

  let state = Mutex(State())

  var invitations: [CreateInvitationRequest] { state.withLock { Array($0.invitations.values) } }
  var accountCount: Int { state.withLock { $0.accounts.count } }
  var calls: Int { state.withLock { $0.calls } }
  /// How often the invitation of a record was sent.
  func sendings(of record: String) -> Int32 { state.withLock { $0.sent[record] ?? 0 } }

  /// The account a record was invited as last.
  func invited(_ record: String) -> String? { state.withLock { $0.invited[record] } }
  /// The address an account reserves; empty when none.
  func reserved(by account: String) -> String? {
    state.withLock { $0.accounts[account]?.loginEmail }
  }

  /// From now on the address answers with a reason.
  func take(_ email: String, _ reason: String) { state.withLock { $0.taken[email] = reason } }

  /// Another organisation made a pending account that reserves the address.
  func hold(_ email: String) -> String {
    state.withLock { state in
      let account = Account(
        accountID: UUIDv7.make().text, state: .pending, username: "held_\(state.accounts.count)",
        loginEmail: email)
      state.accounts[account.accountID] = account
      return account.accountID
    }
  }

  /// The account has another username than was told before.
  func rename(_ account: String, _ username: String) {
    state.withLock { $0.accounts[account]?.username = username }
  }

  /// From now on every call fails, or none.
  func fail(with error: RPCError?) { state.withLock { $0.outage = error } }

  /// The holder proves the address and chooses a password.
  func activate(_ account: String) { state.withLock { $0.accounts[account]?.state = .active } }

  func createPendingAccount(
    _ request: CreatePendingAccountRequest, in call: CallContext
  ) async throws -> Account {
    try state.withLock { state in
      try Self.enter(&state)
      if let earlier = state.answers[request.requestID] { return earlier }
      let account: Account
      if let same = try Self.holder(of: request.loginEmail, &state) {
        // An address that another pending account holds answers that account.
        account = same
      } else {
        account = Account(
          accountID: UUIDv7.make().text, state: .pending,
          username: "\(request.givenName)_\(request.familyName)_\(state.accounts.count)",
          loginEmail: request.loginEmail,
          displayName: "\(request.givenName) \(request.familyName)", language: request.language)
      }
      state.accounts[account.accountID] = account
      state.answers[request.requestID] = account
      return account
    }
  }

  func reserveLoginEmail(
    _ request: ReserveLoginEmailRequest, in call: CallContext
  ) async throws -> Account {
    try state.withLock { state in
      try Self.enter(&state)
      if let earlier = state.answers[request.requestID] { return earlier }
      guard var account = state.accounts[request.accountID] else {
        throw RPCError(.notFound, reason: "ACCOUNT_NOT_FOUND", "no such account")
      }
      guard account.state == .pending else {
        throw RPCError(.failedPrecondition, reason: "LOGIN_EMAIL_OWNED_BY_HOLDER", "active")
      }
      if let other = try Self.holder(of: request.loginEmail, &state) {
        account = other
      } else {
        account.loginEmail = request.loginEmail
      }
      state.accounts[account.accountID] = account
      state.answers[request.requestID] = account
      return account
    }
  }

  func checkIdentifier(
    _ request: CheckIdentifierRequest, in call: CallContext
  ) async throws -> CheckIdentifierResponse {
    try state.withLock { state in
      try Self.enter(&state)
      let disposition: Disposition =
        switch state.taken[request.identifier.lowercased()] {
        case "EMAIL_ON_PLATFORM": .onPlatform
        case "EMAIL_PROFESSIONAL": .professional
        default: .available
        }
      return CheckIdentifierResponse(disposition: disposition)
    }
  }

  func getAccount(_ request: GetAccountRequest, in call: CallContext) async throws -> Account {
    try state.withLock { state in
      try Self.enter(&state)
      guard let account = state.accounts[request.accountID] else {
        throw RPCError(.notFound, reason: "ACCOUNT_NOT_FOUND", "no such account")
      }
      return account
    }
  }

  func createInvitation(
    _ request: CreateInvitationRequest, in call: CallContext
  ) async throws -> Invitation {
    try state.withLock { state in
      try Self.enter(&state)
      if state.invitations.updateValue(request, forKey: request.requestID) == nil {
        state.sent[request.recordID] = 1
        state.invited[request.recordID] = request.accountID
      }
      return Self.invitation(of: request.recordID, state)
    }
  }

  func resendInvitation(
    _ request: ResendInvitationRequest, in call: CallContext
  ) async throws -> Invitation {
    try state.withLock { state in
      try Self.enter(&state)
      guard let count = state.sent[request.recordID],
        request.accountID.isEmpty || request.accountID == state.invited[request.recordID]
      else { throw RPCError(.notFound, reason: "INVITATION_NOT_FOUND", "nothing was sent") }
      let reserved = state.accounts[state.invited[request.recordID] ?? ""]?.loginEmail ?? ""
      guard reserved.isEmpty || reserved == request.email else {
        throw RPCError(.failedPrecondition, reason: "INVITATION_ADDRESS_DIFFERS", "elsewhere")
      }
      if state.resent.insert(request.requestID).inserted {
        state.sent[request.recordID] = count + 1
      }
      return Self.invitation(of: request.recordID, state)
    }
  }

  private static func invitation(of record: String, _ state: State) -> Invitation {
    Invitation(
      invitationID: record, state: .pending, recordID: record, sendCount: state.sent[record] ?? 0)
  }

  private static func holder(of email: String, _ state: inout State) throws -> Account? {
    guard !email.isEmpty else { return nil }
    if let reason = state.taken[email.lowercased()] {
      throw RPCError(.alreadyExists, reason: reason, "taken")
    }
    return state.accounts.values.first { $0.loginEmail.lowercased() == email.lowercased() }
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
        .unary(IdentityServiceMethods.reserveLoginEmail, reserveLoginEmail),
        .unary(IdentityServiceMethods.checkIdentifier, checkIdentifier),
        .unary(IdentityServiceMethods.getAccount, getAccount),
        .unary(IdentityServiceMethods.createInvitation, createInvitation),
        .unary(IdentityServiceMethods.resendInvitation, resendInvitation),
      ])
  }
}
