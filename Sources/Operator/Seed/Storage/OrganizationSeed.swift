import CommonAPI
import Foundation
import Postgres

/// Writes organisations with branches and employees, as the role `organization` under each
/// organisation's scope.
struct OrganizationSeed: Table, Sendable {
  let database: Database

  private static let exists = Statement<UUID>(
    "select organization_id from organizations where organization_id = $1")
  private static let open = Statement<NoRow>(
    """
    insert into organizations (organization_id, name, country, languages, time_zone,
      invitation_trigger, email_required, email_disclosure, created_at)
    values ($1, $2, $3, $4, $5, 1, false, 1, $6)
    """)
  // What these two return, nobody reads: without, Citus would make them a COPY, which policies forbid.
  private static let branches = Statement<UUID>(
    """
    insert into branches (organization_id, branch_id, name, created_at)
    select $1, b.id, b.name, $4 from unnest($2::uuid[], $3::text[]) as b (id, name)
    returning branch_id
    """)
  private static let employ = Statement<NoRow>(
    """
    insert into employees (organization_id, employee_id, account_id, given_name, family_name, email,
      profile, state, username, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, 2, $8, $9, $9)
    """)
  private static let place = Statement<UUID>(
    """
    insert into employee_branches (organization_id, employee_id, branch_id)
    select $1, $2, b.id from unnest($3::uuid[]) as b (id)
    returning branch_id
    """)

  static let statements: [any DescribedStatement] = [exists, open, branches, employ, place]

  func exists(_ organization: UUID) async throws -> Bool {
    try await !database.run(.organization(organization), Self.exists(organization)).isEmpty
  }

  /// Stores an organisation with all who work there; all or nothing.
  func store(_ organization: SeedOrganization) async throws {
    var queries = [
      AnyQuery(
        Self.open(
          organization.id, organization.name, organization.region.country,
          organization.region.languages.map(\.tag), organization.region.timeZone,
          organization.createdAt)),
      AnyQuery(
        Self.branches(
          organization.id, organization.branches.map(\.id), organization.branches.map(\.name),
          organization.createdAt)),
    ]
    for employee in organization.employees {
      let account = employee.account
      queries.append(
        AnyQuery(
          Self.employ(
            organization.id, employee.id, account.id, account.givenName, account.familyName,
            account.loginEmail ?? "", Int16(employee.profile.rawValue), account.username,
            account.createdAt)))
      queries.append(AnyQuery(Self.place(organization.id, employee.id, employee.branchIDs)))
    }
    let deadline = ContinuousClock.now + SeedRun.stepTimeout
    try await database.run(.organization(organization.id), deadline: deadline, all: queries)
  }
}

extension Profile {
  /// What identity calls it.
  var seededName: String {
    switch self {
    case .superAdmin: "SUPER_ADMIN"
    case .branchAdmin: "BRANCH_ADMIN"
    case .manager: "MANAGER"
    case .employee: "EMPLOYEE"
    case .readOnly: "READ_ONLY"
    case .unspecified, .unrecognized: "NONE"
    }
  }
}
