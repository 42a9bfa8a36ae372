import CommonAPI
import Feed
import Foundation
import GRPC
import OrganizationAPI
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

/// An organisation with the ids of its branches.
struct OrganizationRow: PostgresRow {
  let organizationID: UUID
  let name: String
  let country: String
  let languages: [String]
  let timeZone: String
  let invitationTrigger: InvitationTrigger
  let emailRequired: Bool
  let emailDisclosure: EmailDisclosure
  let createdAt: PostgresTimestamp
  let branchIDs: [UUID]
  /// Whether a legal basis for national register numbers is recorded.
  let nationalNumbersAllowed: Bool

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    name = try columns.next()
    country = try columns.next()
    languages = try columns.next()
    timeZone = try columns.next()
    invitationTrigger = InvitationTrigger(rawValue: Int32(try columns.next(Int16.self)))
    emailRequired = try columns.next()
    emailDisclosure = EmailDisclosure(rawValue: Int32(try columns.next(Int16.self)))
    createdAt = try columns.next()
    branchIDs = try columns.next()
    nationalNumbersAllowed = try columns.next()
  }

  init(_ draft: OrganizationDraft, organizationID: UUID, branchID: UUID, at moment: Date) {
    self.organizationID = organizationID
    name = draft.name
    country = draft.country
    languages = draft.languages
    timeZone = draft.timeZone
    invitationTrigger = draft.policy.invitationTrigger
    emailRequired = draft.policy.emailRequired
    emailDisclosure = draft.policy.emailDisclosure
    createdAt = PostgresTimestamp(moment)
    branchIDs = [branchID]
    nationalNumbersAllowed = false
  }
}

extension OrganizationStorage {
  var organizations: Organizations { Organizations(database: database, idempotency: idempotency) }
}

/// The table `organizations`.
struct Organizations: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  static let select = Statement<OrganizationRow>(
    """
    select organization_id, name, country, languages, time_zone, invitation_trigger, email_required,
      email_disclosure, created_at,
      array(select b.branch_id from branches b where b.organization_id = $1
        order by b.sort_key),
      exists (select from national_number_bases n where n.organization_id = $1)
    from organizations o where o.organization_id = $1
    """)
  static let insert = Statement<NoRow>(
    """
    insert into organizations (organization_id, name, country, languages, time_zone,
      invitation_trigger, email_required, email_disclosure, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """)
  static let statements: [any DescribedStatement] = [select, insert]
  static let faults: ConstraintFaults = [
    "organizations_pkey": OrganizationError.organizationExists
  ]

  /// The organisation. Throws NOT_FOUND/ORGANIZATION_NOT_FOUND.
  func find(_ organization: UUID, deadline: Deadline) async throws -> OrganizationRow {
    let rows = try await database.run(
      .organization(organization), deadline: deadline.instant, Self.select(organization))
    guard let row = rows.first else { throw OrganizationError.organizationNotFound }
    return row
  }

  /// The answer of an earlier CreateOrganization of the same intent.
  func replay(_ intent: Intent) async throws -> Organization? {
    try await idempotency.replay(
      intent.key, scope: .organization(intent.organization), deadline: intent.deadline)
  }

  /// Stores an organisation with its first branch, its administrator, the job that invites them,
  /// and the news; all or nothing.
  func open(
    _ row: OrganizationRow, branch: BranchRow, administrator: EmployeeRow, job: EmployeeJob,
    for intent: Intent
  ) async throws -> Organization {
    var answer = Organization(row)
    answer.administrator = Employee(administrator)
    return try await Self.faults.blaming {
      try await idempotency.write(
        intent.key, scope: .organization(intent.organization), deadline: intent.deadline,
        answer: answer,
        Self.insert(
          row.organizationID, row.name, row.country, row.languages, row.timeZone,
          Int16(row.invitationTrigger.rawValue), row.emailRequired,
          Int16(row.emailDisclosure.rawValue), row.createdAt),
        Branches.inserting(branch), Employees.inserting(administrator),
        Employees.placing(administrator), try EmployeeJobs.inserting(job),
        Events.append(
          kind: "organization.created", organization: row.organizationID,
          aggregate: row.organizationID,
          payload: OrganizationCreated(organization: Organization(row)).serialized()),
        Employees.announcing(administrator),
        intent.audit(
          "organization.create", on: "organization", row.organizationID,
          ["administrator": administrator.employeeID.text]))
    }
  }
}
