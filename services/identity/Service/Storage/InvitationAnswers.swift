import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import ServiceStorage

/// What accepting an invitation changes: the invitation, the account, its identifiers, its password
/// and its hat, all together or not at all.
extension Invitations {
  static let lookUp = Statement<InvitationPage>(
    """
    select account_id, purpose, state, email, email_normalized, language, organization_name,
      record_id, send_count, expires_at, account_state, given_name, family_name, display_name,
      username, login_email, login_email_normalized, password_hash, pepper_key_id, client_version
    from look_up_invitation($1, $2)
    """)
  /// Without a condition on the state: a trigger refuses a second answer. The acceptance of a
  /// sending that is the latest no more, or open no more, has no moment, which a check refuses.
  static let accept = Statement<NoRow>(
    """
    update invitations set state = 'ACCEPTED',
      answered_at = case when send_count = $4 and expires_at > $3 then $3 end
    where organization_id = $1 and invitation_id = $2
    """)
  static let activate = Statement<NoRow>(
    """
    update accounts set state = 'ACTIVE', activated_at = $2, updated_at = $2
    where account_id = $1 and state = 'PENDING'
    """)
  private static let faults: ConstraintFaults = [
    "invitations_answer_final": IdentityError.concurrentChange,
    "invitations_answered_at_check": IdentityError.concurrentChange,
    // Two first passwords at once, through two organisations' invitations.
    "credentials_pkey": IdentityError.concurrentChange,
    // A newer version of the hat was put meanwhile.
    "memberships_version_rises": IdentityError.concurrentChange,
  ]

  /// What a link leads to. Throws why it does not open.
  func page(_ link: InvitationLink, at now: Date, deadline: Deadline) async throws
    -> InvitationPage
  {
    let rows = try await database.run(
      .none, deadline: deadline.instant, Self.lookUp(link.organizationID, link.invitationID))
    guard let page = rows.first else { throw IdentityError.invitationNotFound }
    try page.open(link.sendCount, at: now)
    return page
  }

  /// Accepts. Throws why the link opens no more, or CONCURRENT_CHANGE, when somebody was faster.
  ///
  /// - Parameter password: the first password of the account; nil when it has one.
  func accept(
    _ link: InvitationLink, _ page: InvitationPage, password: PasswordHash?, request: RequestKey,
    at now: Date, deadline: Deadline
  ) async throws -> AcceptInvitationResponse {
    let account = page.accountID
    let answer = AcceptInvitationResponse(
      accountID: account.text, username: page.username,
      loginEmail: page.emailSignsIn || page.accountState == .active ? page.loginEmail ?? "" : "",
      organizationID: link.organizationID.text)
    var queries = [
      AnyQuery(idempotency.record(request.key, answer)),
      AnyQuery(Self.accept(link.organizationID, link.invitationID, now, link.sendCount)),
      AnyQuery(LoginIdentifiers.verify(account, page.emailNormalized, now)),
      AnyQuery(LoginIdentifiers.releaseReservedEmails(account, page.emailNormalized)),
      AnyQuery(Self.activate(account, now)),
      News.accepted(
        InvitationAccepted(
          invitationID: link.invitationID.text, accountID: account.text,
          organizationID: link.organizationID.text, recordID: page.recordID.text,
          purpose: page.aim.onTheWire),
        organization: link.organizationID, id: link.invitationID),
    ]
    queries.append(
      request.audit(
        "invitation.accept", on: "invitation", link.invitationID, in: link.organizationID,
        by: account, ["account_id": account.text]))
    if page.accountState == .pending { queries.append(News.activated(account)) }
    if let password {
      queries.append(
        AnyQuery(Credentials.insert(account, password.phc, password.pepperKeyID, now)))
    }
    if page.aim == .activate {
      queries += Memberships.change(page.clientHat(link.organizationID), at: now)
    }
    let changes = queries
    do {
      return try await Self.faults.blaming {
        try await database.run(
          .both(organization: link.organizationID, account: account), deadline: deadline.instant,
          all: changes)
        return answer
      }
    } catch IdentityError.concurrentChange {
      _ = try await self.page(link, at: now, deadline: deadline)
      throw IdentityError.concurrentChange
    }
  }
}

extension InvitationPage {
  /// The hat that accepting puts on.
  func clientHat(_ organization: UUID) -> MembershipRow {
    MembershipRow(
      organizationID: organization, accountID: accountID, hat: .client, profile: .none,
      branchIDs: [], permissions: [], recordID: recordID, active: true,
      version: min(clientVersion ?? 0, MembershipRow.versionMax) + 1,
      organizationName: organizationName)
  }
}
