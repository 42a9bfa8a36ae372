import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import ServiceStorage

extension IdentityStorage {
  var invitations: Invitations { Invitations(database: database, idempotency: idempotency) }
}

/// Who is invited where: the tables `invitations` and `invitation_sends`.
struct Invitations: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  /// Allows one open invitation a record.
  private static let recordConstraint = "invitations_record_key"
  /// Lets one of two parallel resends through.
  private static let sendConstraint = "invitation_sends_pkey"

  private static let insert = Statement<NoRow>(
    """
    insert into invitations (organization_id, invitation_id, account_id, purpose, state, email,
      email_normalized, language, organization_name, record_id, send_count, expires_at, created_at)
    values ($1, $2, $3, $4, 'PENDING', $5, $6, $7, $8, $9, $10, $11, $12)
    """)
  private static let insertSend = Statement<NoRow>(
    """
    insert into invitation_sends (organization_id, invitation_id, send_count, email, sent_at)
    values ($1, $2, $3, $4, $5)
    """)
  /// The open one first, else the latest.
  private static let ofRecord = Statement<InvitationRow>(
    """
    select organization_id, invitation_id, account_id, purpose, state, email, email_normalized,
      language, organization_name, record_id, send_count, expires_at, created_at
    from invitations
    where organization_id = $1 and record_id = $2
    order by (state = 'PENDING') desc, created_at desc
    limit 1
    """)
  private static let byID = Statement<InvitationRow>(
    """
    select organization_id, invitation_id, account_id, purpose, state, email, email_normalized,
      language, organization_name, record_id, send_count, expires_at, created_at
    from invitations
    where organization_id = $1 and invitation_id = $2
    """)
  private static let revoke = Statement<NoRow>(
    """
    update invitations set state = 'REVOKED', answered_at = $3
    where organization_id = $1 and invitation_id = $2
    """)
  private static let resend = Statement<NoRow>(
    """
    update invitations set send_count = $3, email = $4, email_normalized = $5, language = $6,
      expires_at = $7
    where organization_id = $1 and invitation_id = $2
    """)
  private static let sends = Statement<SendRow>(
    """
    select send_count, sent_at from invitation_sends
    where organization_id = $1 and invitation_id = $2 and sent_at > $3
    order by send_count desc
    limit 100
    """)
  /// Links sent elsewhere open no more once the account reserves another address; a resend opens
  /// the invitation again. Expired since ever, since acceptances under way read the clock
  /// before.
  static let closeLinksElsewhere = Statement<NoRow>(
    """
    update invitations set expires_at = created_at - interval '1 second'
    where account_id = $1 and email_normalized <> $2 and state = 'PENDING' and expires_at > $3
    """)
  static let statements: [any DescribedStatement] = [
    insert, insertSend, ofRecord, byID, revoke, resend, sends, closeLinksElsewhere, lookUp, accept,
    activate,
  ]

  /// Invites. A record that is invited at that address already is not invited twice: the open
  /// invitation is answered. Throws ACCOUNT_NOT_FOUND or INVITATION_ADDRESS_DIFFERS.
  func create(
    _ draft: InvitationDraft, request: RequestKey, life: Int, at now: Date, deadline: Deadline
  ) async throws -> Invitation {
    try await idempotency.repeatable(request, deadline: deadline) {
      do {
        return try await issue(draft, request: request, life: life, at: now, deadline: deadline)
      } catch let error as PostgresError where error.constraint == Self.recordConstraint {
        return try await issue(draft, request: request, life: life, at: now, deadline: deadline)
      }
    }
  }

  private func issue(
    _ draft: InvitationDraft, request: RequestKey, life: Int, at now: Date, deadline: Deadline
  ) async throws -> Invitation {
    let scope = Scope.both(organization: draft.organizationID, account: draft.accountID)
    let (accounts, earlier) = try await database.run(
      scope, deadline: deadline.instant, Accounts.byID(draft.accountID),
      Self.ofRecord(draft.organizationID, draft.recordID))
    guard let account = accounts.first else { throw IdentityError.accountNotFound }
    try Self.check(draft.email, suits: account)
    var row = InvitationRow(draft, id: UUIDv7.make(at: now), at: now, life: life)
    var changes: [AnyQuery] = []
    if let open = earlier.first, open.status == .pending {
      if open.suits(draft), now < open.expiresAt {
        row = open
      } else {
        changes.append(AnyQuery(Self.revoke(open.organizationID, open.id, now)))
      }
    }
    let answer = row.invitation(at: now)
    if row != earlier.first {
      changes += [
        AnyQuery(
          Self.insert(
            row.organizationID, row.id, row.accountID, row.aim, row.email, row.emailNormalized,
            row.language, row.organizationName, row.recordID, row.sendCount, row.expiresAt, now)),
        AnyQuery(Self.insertSend(row.organizationID, row.id, row.sendCount, row.email, now)),
        News.issued(
          .created, row.news(to: account, at: now), organization: row.organizationID, id: row.id),
      ]
    }
    try await database.run(
      scope, deadline: deadline.instant,
      all: [
        AnyQuery(idempotency.record(request.key, answer)),
        request.audit("invitation.create", on: "invitation", row.id, in: row.organizationID),
      ] + changes)
    return answer
  }

  /// Sends once more under a new link.
  /// Throws INVITATION_NOT_FOUND, INVITATION_ACCEPTED, INVITATION_REVOKED, QUOTA.
  func resend(
    _ draft: ResendDraft, request: RequestKey, limits: IdentityLimits, at now: Date,
    deadline: Deadline
  ) async throws -> Invitation {
    try await idempotency.repeatable(request, deadline: deadline) {
      let scope = Scope.organization(draft.organizationID)
      let found = try await database.run(
        scope, deadline: deadline.instant, Self.ofRecord(draft.organizationID, draft.recordID))
      guard var row = found.first, row.accountID == draft.accountID ?? row.accountID else {
        throw IdentityError.invitationNotFound
      }
      if row.status == .accepted { throw IdentityError.invitationAccepted }
      if row.status == .revoked { throw IdentityError.invitationRevoked }
      let both = Scope.both(organization: row.organizationID, account: row.accountID)
      let (accounts, sends) = try await database.run(
        both, deadline: deadline.instant, Accounts.byID(row.accountID),
        Self.sends(row.organizationID, row.id, now.addingTimeInterval(-24 * 3600)))
      guard let account = accounts.first else { throw IdentityError.invitationNotFound }
      try Self.check(sends, limits, at: now)
      row.renew(draft, life: limits.invitationLife, at: now)
      if let email = draft.email { try Self.check(email, suits: account) }
      let answer = row.invitation(at: now)
      do {
        _ = try await database.run(
          both, deadline: deadline.instant,
          all: [
            AnyQuery(idempotency.record(request.key, answer)),
            request.audit(
              "invitation.resend", on: "invitation", row.id, in: row.organizationID,
              ["send_count": "\(row.sendCount)"]),
            AnyQuery(Self.insertSend(row.organizationID, row.id, row.sendCount, row.email, now)),
            AnyQuery(
              Self.resend(
                row.organizationID, row.id, row.sendCount, row.email, row.emailNormalized,
                row.language, row.expiresAt)),
            News.issued(
              .resent, row.news(to: account, at: now), organization: row.organizationID,
              id: row.id),
          ])
      } catch let error as PostgresError where error.constraint == Self.sendConstraint {
        throw IdentityError.quota(retryAfter: limits.resendInterval)
      }
      return answer
    }
  }

  /// An invitation of an organisation, or INVITATION_NOT_FOUND.
  func get(_ id: UUID, in organization: UUID, deadline: Deadline) async throws -> InvitationRow {
    let rows = try await database.run(
      .organization(organization), deadline: deadline.instant, Self.byID(organization, id))
    guard let row = rows.first else { throw IdentityError.invitationNotFound }
    return row
  }

  /// Puts on record that a link was made.
  func recordLink(to row: InvitationRow, _ sendCount: Int32, in call: CallContext) async throws {
    try await database.run(
      .organization(row.organizationID), deadline: call.deadline.instant,
      all: [
        Audit.append(
          AuditEntry(
            "invitation.mint_link", on: "invitation", row.id, in: row.organizationID,
            by: AuditActor(call), detail: ["send_count": "\(sendCount)"]))
      ])
  }

  /// While nobody has proved the address an account reserved, only that address is written to:
  /// otherwise whoever reserves somebody's address could activate the account elsewhere.
  private static func check(_ email: EmailAddress, suits account: AccountRow) throws {
    guard account.state == .pending, let reserved = account.loginEmailNormalized else { return }
    guard reserved == email.normalized else { throw IdentityError.invitationAddressDiffers }
  }

  /// Throws QUOTA with the seconds to wait.
  private static func check(_ sends: [SendRow], _ limits: IdentityLimits, at now: Date) throws {
    func wait(_ moment: Date, _ seconds: Int) -> Int {
      // Less than a millisecond is the database's rounding.
      let left = moment.addingTimeInterval(Double(seconds)).timeIntervalSince(now) - 0.001
      return Int(left.rounded(.up))
    }
    if let last = sends.first {
      let seconds = wait(last.sentAt, limits.resendInterval)
      if seconds > 0 { throw IdentityError.quota(retryAfter: seconds) }
    }
    let again = sends.filter { $0.count > 1 }
    if again.count >= limits.resendsPerDay, let oldest = again.last {
      throw IdentityError.quota(retryAfter: max(1, wait(oldest.sentAt, 24 * 3600)))
    }
  }
}

extension InvitationRow {
  /// Whether it invites the same person for the same thing at the same address.
  func suits(_ draft: InvitationDraft) -> Bool {
    accountID == draft.accountID && aim == draft.aim
      && emailNormalized == draft.email.normalized
  }

  /// The next sending.
  mutating func renew(_ draft: ResendDraft, life: Int, at now: Date) {
    sendCount += 1
    expiresAt = now.addingTimeInterval(Double(life))
    language = draft.language ?? language
    if let address = draft.email {
      email = address.raw
      emailNormalized = address.normalized
    }
  }
}
