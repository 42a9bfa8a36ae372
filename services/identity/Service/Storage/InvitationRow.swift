import CommonAPI
import Foundation
import IdentityAPI
import Postgres
import ServiceKit

/// A row of `invitations`.
struct InvitationRow: PostgresRow, Hashable {
  let organizationID: UUID
  let id: UUID
  let accountID: UUID
  let aim: InvitationAim
  var status: InvitationStatus
  var email: String
  var emailNormalized: String
  var language: String
  let organizationName: String
  let recordID: UUID
  var sendCount: Int32
  var expiresAt: Date
  let createdAt: Date

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    id = try columns.next()
    accountID = try columns.next()
    aim = try columns.next()
    status = try columns.next()
    email = try columns.next()
    emailNormalized = try columns.next()
    language = try columns.next()
    organizationName = try columns.next()
    recordID = try columns.next()
    sendCount = try columns.next()
    expiresAt = try columns.next()
    createdAt = try columns.next()
  }

  init(_ draft: InvitationDraft, id: UUID, at now: Date, life: Int) {
    organizationID = draft.organizationID
    self.id = id
    accountID = draft.accountID
    aim = draft.aim
    status = .pending
    email = draft.email.raw
    emailNormalized = draft.email.normalized
    language = draft.language
    organizationName = draft.organizationName
    recordID = draft.recordID
    sendCount = 1
    expiresAt = now.addingTimeInterval(Double(life))
    createdAt = now
  }

  /// Where it stands at a moment.
  func state(at now: Date) -> InvitationState {
    switch status {
    case .pending: now < expiresAt ? .pending : .expired
    case .accepted: .accepted
    case .revoked: .revoked
    }
  }

  /// The invitation on the wire.
  func invitation(at now: Date) -> Invitation {
    Invitation(
      invitationID: id.text, organizationID: organizationID.text, accountID: accountID.text,
      purpose: aim.onTheWire, state: state(at: now), email: email, recordID: recordID.text,
      sendCount: sendCount, expireTime: Timestamp(expiresAt), createTime: Timestamp(createdAt))
  }

  /// Throws why a sending gets no link any more.
  func mint(_ sending: Int32, at now: Date) throws {
    switch state(at: now) {
    case .accepted: throw IdentityError.invitationAccepted
    case .revoked: throw IdentityError.invitationRevoked
    case .expired: throw IdentityError.invitationExpired
    case .pending, .unspecified, .unrecognized: break
    }
    guard sending <= sendCount else { throw IdentityError.invitationNotFound }
    guard sending == sendCount else { throw IdentityError.invitationSuperseded }
  }

  /// What messaging needs for the mail.
  func news(to account: AccountRow, at now: Date) -> InvitationIssued {
    InvitationIssued(
      invitation: invitation(at: now), organizationName: organizationName,
      displayName: account.displayName, username: account.username,
      emailSignsIn: account.loginEmailNormalized == emailNormalized, language: language)
  }
}

/// When an invitation was sent.
struct SendRow: PostgresRow {
  let count: Int64
  let sentAt: Date

  init(from columns: inout ColumnReader) throws(PostgresError) {
    count = try columns.next()
    sentAt = try columns.next()
  }
}

/// An invitation with the account it is for: what the page shows and what accepting needs.
struct InvitationPage: PostgresRow {
  let accountID: UUID
  let aim: InvitationAim
  let status: InvitationStatus
  let email: String
  let emailNormalized: String
  let language: String
  let organizationName: String
  let recordID: UUID
  let sendCount: Int32
  let expiresAt: Date
  let accountState: AccountStatus
  let givenName: String
  let familyName: String
  let displayName: String
  let username: String
  let loginEmail: String?
  let loginEmailNormalized: String?
  let password: PasswordHash?
  /// Of the client hat the account already wears in the organisation.
  let clientVersion: Int64?

  init(from columns: inout ColumnReader) throws(PostgresError) {
    accountID = try columns.next()
    aim = try columns.next()
    status = try columns.next()
    email = try columns.next()
    emailNormalized = try columns.next()
    language = try columns.next()
    organizationName = try columns.next()
    recordID = try columns.next()
    sendCount = try columns.next()
    expiresAt = try columns.next()
    accountState = try columns.next()
    givenName = try columns.next()
    familyName = try columns.next()
    displayName = try columns.next()
    username = try columns.next()
    loginEmail = try columns.next()
    loginEmailNormalized = try columns.next()
    let phc = try columns.next(String?.self)
    let pepper = try columns.next(String?.self)
    password = if let phc, let pepper { PasswordHash(phc: phc, pepperKeyID: pepper) } else { nil }
    clientVersion = try columns.next()
  }

  /// Whether the invited address is the one that signs in: accepting proves it.
  var emailSignsIn: Bool { loginEmailNormalized == emailNormalized }

  /// Throws why the link of a sending does not open.
  func open(_ sending: Int32, at now: Date) throws {
    switch status {
    case .accepted: throw IdentityError.invitationAccepted
    case .revoked: throw IdentityError.invitationRevoked
    case .pending: break
    }
    guard accountState == .pending || accountState == .active else {
      throw IdentityError.invitationRevoked
    }
    guard sending == sendCount else { throw IdentityError.invitationSuperseded }
    guard now < expiresAt else { throw IdentityError.invitationExpired }
  }

  /// Texts about the person that a password must not consist of.
  var context: [String] {
    [givenName, familyName, username, String(email.prefix { $0 != "@" })]
  }
}
