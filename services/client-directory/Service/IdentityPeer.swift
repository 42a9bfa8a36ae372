import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import ServiceKit

/// What this service asks of identity.
struct IdentityPeer: Sendable {
  /// Somebody's login, as far as this service keeps it.
  struct PendingAccount: Sendable, Hashable {
    let id: UUID
    let username: String
  }

  /// An address that cannot be reserved.
  enum Taken: Error, Hashable {
    case onPlatform
    case professional
  }

  private let client: IdentityServiceClient

  init(_ channel: any RPCChannel) {
    client = IdentityServiceClient(channel)
  }

  /// Makes an account for a client, its e-mail reserved or none. Throws `Taken`.
  func createAccount(
    of person: (givenName: String, familyName: String, language: String), email: EmailAddress?,
    requestID: UUID, in call: CallContext
  ) async throws -> PendingAccount {
    try await translating {
      let account = try await client.createPendingAccount(
        CreatePendingAccountRequest(
          requestID: requestID.text, organizationID: try call.organization().text,
          givenName: person.givenName, familyName: person.familyName,
          loginEmail: email?.raw ?? "", language: person.language),
        options: call.onward())
      return try Self.pending(account)
    }
  }

  /// Binds an e-mail to an account that nobody has activated; nil releases the one it reserved.
  /// Throws `Taken`, and
  /// FAILED_PRECONDITION/LOGIN_EMAIL_OWNED_BY_HOLDER once somebody has (B47).
  func reserve(
    _ email: EmailAddress?, for account: UUID, requestID: UUID, in call: CallContext
  ) async throws -> PendingAccount {
    try await translating {
      let account = try await client.reserveLoginEmail(
        ReserveLoginEmailRequest(
          requestID: requestID.text, organizationID: try call.organization().text,
          accountID: account.text, loginEmail: email?.raw ?? ""),
        options: call.onward())
      return try Self.pending(account)
    }
  }

  /// Whether anybody on the platform has the address. Throws RESOURCE_EXHAUSTED/QUOTA.
  func disposition(of email: EmailAddress, in call: CallContext) async throws -> Disposition {
    try await translating {
      try await client.checkIdentifier(
        CheckIdentifierRequest(
          organizationID: try call.organization().text, identifier: email.raw),
        options: call.onward()
      ).disposition
    }
  }

  /// Has a client invited; answers how often that was sent. Asking again under the same request id
  /// makes one invitation.
  func invite(_ job: InvitationJob, options: CallOptions) async throws -> Int32 {
    try await client.createInvitation(
      CreateInvitationRequest(
        requestID: job.jobID.text, organizationID: job.organizationID.text,
        organizationName: job.organizationName, accountID: job.accountID.text,
        purpose: .activate, email: job.email, language: job.language,
        recordID: job.clientID.text),
      options: options
    ).sendCount
  }

  /// Has the invitation of a client sent once more, and answers how often it was sent; nil when
  /// there is none for the account the file stands for now.
  func resend(_ row: ClientRow, requestID: UUID, in call: CallContext) async throws -> Int32? {
    do {
      return try await client.resendInvitation(
        ResendInvitationRequest(
          requestID: requestID.text, organizationID: row.organizationID.text,
          recordID: row.clientID.text, email: row.invitationEmail, language: row.language,
          accountID: row.accountID?.text ?? ""),
        options: call.onward()
      ).sendCount
    } catch let error as RPCError where error.reason == "INVITATION_NOT_FOUND" {
      return nil
    } catch let error as RPCError where error.reason == "INVITATION_ACCEPTED" {
      throw ClientDirectoryError.alreadyActive
    } catch let error as RPCError where error.reason == "INVITATION_REVOKED" {
      return nil
    }
  }

  /// What signs in to an account: its username, and its e-mail if it has one.
  func login(of account: UUID) async throws -> (username: String, email: EmailAddress?) {
    let account = try await client.getAccount(
      GetAccountRequest(accountID: account.text), options: .background())
    return (account.username, EmailAddress(account.loginEmail))
  }

  private static func pending(_ account: Account) throws -> PendingAccount {
    guard let id = UUID(uuidString: account.accountID) else {
      throw RPCError(.internalError, "identity answered no account")
    }
    return PendingAccount(id: id, username: account.username)
  }

  private func translating<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
    do {
      return try await body()
    } catch let error as RPCError {
      switch error.reason {
      case "EMAIL_ON_PLATFORM": throw Taken.onPlatform
      case "EMAIL_PROFESSIONAL": throw Taken.professional
      case "LOGIN_EMAIL_OWNED_BY_HOLDER": throw ClientDirectoryError.loginEmailOwnedByHolder
      default: throw error
      }
    }
  }
}
