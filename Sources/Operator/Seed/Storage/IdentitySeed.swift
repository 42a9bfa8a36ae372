import Foundation
import IdentityCore
import OrganizationCore
import Postgres

/// An account with the organisation that made it and the hat it wears there.
struct SeedHolder: Sendable {
  enum Hat: String { case staff = "STAFF", client = "CLIENT" }

  let account: SeedAccount
  let hat: Hat
  let profile: String
  let branchIDs: [UUID]
  let permissions: [String]
  /// The client's or the employee's id.
  let recordID: UUID

  /// An account of a client; nil for a client without.
  init?(_ client: SeedClient) {
    guard let account = client.account else { return nil }
    self.account = account
    hat = .client
    profile = "NONE"
    branchIDs = []
    permissions = []
    recordID = client.id
  }

  init(_ employee: SeedOrganization.Employee) {
    account = employee.account
    hat = .staff
    profile = employee.profile.seededName
    branchIDs = employee.branchIDs
    permissions = PermissionPresets.permissions(of: employee.profile)
    recordID = employee.id
  }
}

/// Writes accounts, what signs them in, hats and invitations into identity.
///
/// Rows of accounts belong to a person, so that the service's role would need a scope for each. The
/// owner's role has a policy of its own, and is bound by it as well.
struct IdentitySeed: Table, Sendable {
  /// As `identity_migrate` with the role `identity_owner`.
  let database: Database
  let password: SeedPassword

  private static let taken = Statement<TakenStem>(
    """
    select regexp_replace(normalized, '_[0-9]{1,6}$', '') as stem,
      max(coalesce(substring(normalized from '_([0-9]{1,6})$')::bigint, 1))
    from login_identifiers where kind = 'USERNAME' group by 1
    """)
  private static let stage = Statement<NoRow>(
    """
    create temporary table seeded_people (account_id uuid, given_name text, family_name text,
      language text, username text, email text, created_at timestamptz, activated_at timestamptz,
      hat text, profile text, branch_ids uuid[], permissions text[], record_id uuid,
      invitation_id uuid, invitation_email text) on commit drop
    """)
  private static let columns: [StaticString] = [
    "account_id", "given_name", "family_name", "language", "username", "email", "created_at",
    "activated_at", "hat", "profile", "branch_ids", "permissions", "record_id", "invitation_id",
    "invitation_email",
  ]
  private static let accounts = Statement<NoRow>(
    """
    insert into accounts (account_id, state, given_name, family_name, display_name, language,
      professional, created_by_organization, created_at, activated_at, updated_at)
    select account_id, case when activated_at is null then 'PENDING' else 'ACTIVE' end, given_name,
      family_name, given_name || ' ' || family_name, language, hat = 'STAFF', $1, created_at,
      activated_at, coalesce(activated_at, created_at)
    from seeded_people
    """)
  private static let identifiers = Statement<NoRow>(
    """
    insert into login_identifiers (account_id, kind, raw, normalized, state, professional,
      created_at, verified_at)
    select p.account_id, i.kind, i.name, lower(i.name),
      case when p.activated_at is null then 'RESERVED' else 'VERIFIED' end, p.hat = 'STAFF',
      p.created_at, p.activated_at
    from seeded_people p
    cross join lateral (values ('USERNAME', p.username), ('EMAIL', p.email)) as i (kind, name)
    where i.name is not null
    """)
  private static let credentials = Statement<NoRow>(
    """
    insert into credentials (account_id, password_hash, pepper_key_id, changed_at)
    select account_id, $1, $2, activated_at from seeded_people where activated_at is not null
    """)
  private static let memberships = Statement<NoRow>(
    """
    insert into memberships (organization_id, account_id, hat, profile, branch_ids, permissions,
      record_id, active, version, organization_name, created_at, updated_at)
    select $1, account_id, hat, profile, branch_ids, permissions, record_id, true, 1, $2,
      activated_at, activated_at
    from seeded_people where activated_at is not null
    """)
  private static let invitations = Statement<NoRow>(
    """
    with sent as (
      insert into invitations (organization_id, invitation_id, account_id, purpose, state, email,
        email_normalized, language, organization_name, record_id, send_count, expires_at, created_at,
        answered_at)
      select $1, invitation_id, account_id,
        case hat when 'STAFF' then 'JOIN_STAFF' else 'ACTIVATE' end,
        case when activated_at is null then 'PENDING' else 'ACCEPTED' end, invitation_email,
        invitation_email, language, $2, record_id, 1, created_at + interval '7 days', created_at,
        activated_at
      from seeded_people where invitation_id is not null
      returning organization_id, invitation_id, email, created_at
    )
    insert into invitation_sends (organization_id, invitation_id, send_count, email, sent_at)
    select organization_id, invitation_id, 1, email, created_at from sent
    """)

  static let statements: [any DescribedStatement] = [
    taken, stage, accounts, identifiers, credentials, memberships, invitations,
  ]

  /// The highest number of each stem that usernames have.
  func takenUsernames() async throws -> [String: Int] {
    let query = Self.taken()
    return try await database.withRows(.none, query) { rows in
      var taken: [String: Int] = [:]
      for try await row in rows { taken[row.stem] = row.number }
      return taken
    }
  }

  /// Stores accounts of an organisation with all that hangs on them; all or nothing.
  func store(_ holders: [SeedHolder], of organization: SeedOrganization) async throws {
    let deadline = ContinuousClock.now + SeedRun.stepTimeout
    try await database.transaction(.organization(organization.id), deadline: deadline) { step in
      try await step.run(Self.stage())
      try await step.copy(into: "seeded_people", columns: Self.columns) { writer in
        for holder in holders { try await writer.write(Self.row(holder)) }
      }
      try await step.run(
        Self.accounts(organization.id), Self.identifiers(),
        Self.credentials(password.hash, password.pepperKeyID),
        Self.memberships(organization.id, organization.name),
        Self.invitations(organization.id, organization.name))
    }
  }

  private static func row(_ holder: SeedHolder) -> CopyRow {
    let account = holder.account
    return CopyRow(
      account.id, account.givenName, account.familyName, account.language, account.username,
      account.loginEmail, account.createdAt, account.activatedAt, holder.hat.rawValue,
      holder.profile, holder.branchIDs, holder.permissions, holder.recordID,
      account.invitation?.id, account.invitation?.email)
  }
}

private struct TakenStem: PostgresRow {
  let stem: String
  let number: Int

  init(from columns: inout ColumnReader) throws(PostgresError) {
    stem = try columns.next()
    number = try columns.next()
  }
}
