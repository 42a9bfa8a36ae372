import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import ServiceStorage

extension IdentityStorage {
  var memberships: Memberships { Memberships(database: database, idempotency: idempotency) }
}

/// Which hat an account wears where: the table `memberships`.
struct Memberships: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  static let active = Statement<MembershipRow>(
    """
    select organization_id, account_id, hat, profile, branch_ids, permissions, record_id, active,
      version, organization_name
    from memberships
    where account_id = $1 and active
    order by organization_id, hat desc
    limit 100
    """, critical: true)
  private static let one = Statement<MembershipRow>(
    """
    select organization_id, account_id, hat, profile, branch_ids, permissions, record_id, active,
      version, organization_name
    from memberships
    where organization_id = $1 and account_id = $2 and hat = $3
    """)
  /// A trigger refuses a version that does not rise.
  private static let put = Statement<NoRow>(
    """
    insert into memberships (organization_id, account_id, hat, profile, branch_ids, permissions,
      record_id, active, version, organization_name, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
    on conflict (organization_id, account_id, hat) do update set profile = excluded.profile,
      branch_ids = excluded.branch_ids, permissions = excluded.permissions,
      record_id = excluded.record_id, active = excluded.active, version = excluded.version,
      organization_name = excluded.organization_name, updated_at = excluded.updated_at
    """)
  private static let markProfessional = Statement<NoRow>(
    "update accounts set professional = true, updated_at = $2 where account_id = $1")
  static let statements: [any DescribedStatement] = [active, one, put, markProfessional]
  static let faults: ConstraintFaults = ["memberships_version_rises": IdentityError.staleVersion]

  /// Where an account belongs: in every organisation, active ones only, staff before client.
  func list(of account: UUID, deadline: Deadline) async throws -> [MembershipRow] {
    try await database.run(.account(account), deadline: deadline.instant, Self.active(account))
  }

  /// Stores a membership. Throws ACCOUNT_NOT_FOUND or STALE_VERSION.
  func put(
    _ row: MembershipRow, request: RequestKey, at now: Date, deadline: Deadline
  ) async throws -> Membership {
    let scope = Scope.both(organization: row.organizationID, account: row.accountID)
    return try await idempotency.repeatable(request, deadline: deadline) {
      let (accounts, stored) = try await database.run(
        scope, deadline: deadline.instant, Accounts.byID(row.accountID),
        Self.one(row.organizationID, row.accountID, row.hat))
      guard !accounts.isEmpty else { throw IdentityError.accountNotFound }
      let answer = row.membership
      var queries = [
        AnyQuery(idempotency.record(request.key, answer)),
        request.audit(
          "membership.put", on: "account", row.accountID, in: row.organizationID,
          ["hat": "\(row.hat.onTheWire)", "version": "\(row.version)"]),
      ]
      if stored.first != row { queries += Self.change(row, at: now) }
      return try await Self.faults.blaming {
        try await database.run(scope, deadline: deadline.instant, all: queries)
        return answer
      }
    }
  }

  /// The change with its news; what a staff hat means for the person's identifiers included.
  static func change(_ row: MembershipRow, at now: Date) -> [AnyQuery] {
    var queries = [
      AnyQuery(
        put(
          row.organizationID, row.accountID, row.hat, row.profile, row.branchIDs,
          row.permissions, row.recordID, row.active, row.version, row.organizationName, now)),
      News.changed(row),
    ]
    if row.hat == .staff {
      queries.append(AnyQuery(markProfessional(row.accountID, now)))
      queries.append(AnyQuery(LoginIdentifiers.markProfessional(row.accountID)))
    }
    return queries
  }
}

/// A row of `memberships`.
struct MembershipRow: PostgresRow, Hashable {
  var organizationID: UUID
  var accountID: UUID
  var hat: HatWorn
  var profile: ProfileHeld
  var branchIDs: [UUID]
  var permissions: [String]
  var recordID: UUID
  var active: Bool
  var version: Int64
  var organizationName: String

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    accountID = try columns.next()
    hat = try columns.next()
    profile = try columns.next()
    branchIDs = try columns.next()
    permissions = try columns.next()
    recordID = try columns.next()
    active = try columns.next()
    version = try columns.next()
    organizationName = try columns.next()
  }

  init(
    organizationID: UUID, accountID: UUID, hat: HatWorn, profile: ProfileHeld, branchIDs: [UUID],
    permissions: [String], recordID: UUID, active: Bool, version: Int64, organizationName: String
  ) {
    self.organizationID = organizationID
    self.accountID = accountID
    self.hat = hat
    self.profile = profile
    self.branchIDs = branchIDs
    self.permissions = permissions
    self.recordID = recordID
    self.active = active
    self.version = version
    self.organizationName = organizationName
  }

  /// The membership on the wire.
  var membership: Membership {
    Membership(
      accountID: accountID.text, organizationID: organizationID.text, hat: hat.onTheWire,
      profile: profile.onTheWire, branchIDs: branchIDs.map(\.text), permissions: permissions,
      recordID: recordID.text, active: active, version: version,
      organizationName: organizationName)
  }
}
