import ClientDirectoryAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit

/// What an address typed by a professional became: somebody's login, or a way to reach a client who
/// signs in with a username (B7, B8).
struct EmailClaim: Sendable, Hashable {
  let email: EmailAddress
  let account: IdentityPeer.PendingAccount
  /// PRIMARY for a login; SECONDARY for a username-only client.
  let rank: ContactRank
  /// What the file says about signing in; never said under blind disclosure.
  let emailSignsIn: Bool
}

/// For whom an address is claimed, and how.
struct EmailClaimant: Sendable {
  let person: (givenName: String, familyName: String, language: String)
  /// The account the client has already.
  let account: IdentityPeer.PendingAccount?
  /// The file; nil for one that is being created.
  let clientID: UUID?
  let resolution: ExistingEmailResolution
  let way: EmailWay
}

extension ClientDirectoryService {
  /// Claims an address as a login: in this organisation already? on the platform already? (B36).
  ///
  /// Where somebody has it, the caller is told and nothing is kept, unless the caller chose a
  /// username instead. Under blind disclosure nobody is told: the client gets a username-only
  /// account and a file that looks like any other, and the mail tells the holder what signs in.
  func claim(
    _ email: EmailAddress, for claimant: EmailClaimant, under policy: Policy, _ intent: Intent,
    _ call: CallContext
  ) async throws -> EmailClaim {
    let usernameOnly = claimant.resolution == .usernameOnly
    if let taken = try await takenHere(email, claimant, in: call) {
      guard usernameOnly else { throw taken }
      return try await usernameOnlyClaim(email, claimant, .secondary, intent, in: call)
    }
    do {
      let account = try await loginAccount(email, claimant, intent, in: call)
      return EmailClaim(
        email: email, account: account, rank: .primary, emailSignsIn: !policy.disclosesNothing)
    } catch let taken as IdentityPeer.Taken {
      if policy.disclosesNothing {
        return try await usernameOnlyClaim(email, claimant, .primary, intent, in: call)
      }
      guard usernameOnly else {
        switch taken {
        case .onPlatform: throw ClientDirectoryError.emailOnPlatform(claimant.way)
        case .professional: throw ClientDirectoryError.emailProfessional(claimant.way)
        }
      }
      return try await usernameOnlyClaim(email, claimant, .secondary, intent, in: call)
    }
  }

  /// The refusal for an address that is another client's primary one here; nil when it is not.
  private func takenHere(
    _ email: EmailAddress, _ claimant: EmailClaimant, in call: CallContext
  ) async throws -> ClientDirectoryError? {
    let holder = try await storage.clients.holder(
      of: email, in: try call.organization(), deadline: call.deadline)
    guard let holder, holder.clientID != claimant.clientID else { return nil }
    let visible = Visibility(try call.caller()).sees(
      clientID: holder.clientID, branchID: holder.branchID, stakeholderIDs: holder.stakeholderIDs)
    return .emailInThisOrganization(claimant.way, visible: visible ? holder.clientID : nil)
  }

  private func loginAccount(
    _ email: EmailAddress, _ claimant: EmailClaimant, _ intent: Intent, in call: CallContext
  ) async throws -> IdentityPeer.PendingAccount {
    guard let account = claimant.account else {
      return try await identity.createAccount(
        of: claimant.person, email: email, requestID: intent.derived("account"), in: call)
    }
    return try await identity.reserve(
      email, for: account.id, requestID: intent.derived("reserve"), in: call)
  }

  private func usernameOnlyClaim(
    _ email: EmailAddress, _ claimant: EmailClaimant, _ rank: ContactRank, _ intent: Intent,
    in call: CallContext
  ) async throws -> EmailClaim {
    let account =
      switch (claimant.account, rank) {
      case (nil, _):
        try await identity.createAccount(
          of: claimant.person, email: nil, requestID: intent.derived("username-only account"),
          in: call)
      case (let account?, .primary):
        // It stays, as it would with a free address; what it reserved before must not.
        try await identity.reserve(
          nil, for: account.id, requestID: intent.derived("release"), in: call)
      case (let account?, _): account
      }
    return EmailClaim(email: email, account: account, rank: rank, emailSignsIn: false)
  }
}
