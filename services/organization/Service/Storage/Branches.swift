import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import Postgres
import ServiceStorage

/// A branch.
struct BranchRow: PostgresRow {
  let organizationID: UUID
  let branchID: UUID
  let name: String
  let createdAt: PostgresTimestamp
  /// The order of lists; made by the database.
  let sortKey: String

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    branchID = try columns.next()
    name = try columns.next()
    createdAt = try columns.next()
    sortKey = try columns.next()
  }

  init(organizationID: UUID, branchID: UUID, name: String, createdAt: Date) {
    self.organizationID = organizationID
    self.branchID = branchID
    self.name = name
    self.createdAt = PostgresTimestamp(createdAt)
    sortKey = ""
  }
}

extension OrganizationStorage {
  var branches: Branches { Branches(database: database, idempotency: idempotency) }
}

/// The table `branches`.
struct Branches: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  static let page = Statement<BranchRow>(
    """
    select organization_id, branch_id, name, created_at, sort_key
    from branches where organization_id = $1 and sort_key > $2
    order by sort_key limit $3
    """)
  static let insert = Statement<NoRow>(
    """
    insert into branches (organization_id, branch_id, name, created_at) values ($1, $2, $3, $4)
    """)
  static let statements: [any DescribedStatement] = [page, insert]
  static let nameTaken = RPCError(
    .alreadyExists, reason: "BRANCH_NAME_TAKEN", "a branch of this name exists",
    resolutions: [.calling("CreateBranch", "resolution.choose_another_name")])
  static let faults: ConstraintFaults = [
    "branches_name_key": nameTaken,
    "branches_organization_fkey": OrganizationError.organizationNotFound,
  ]

  static func inserting(_ row: BranchRow) -> Query<NoRow> {
    insert(row.organizationID, row.branchID, row.name, row.createdAt)
  }

  /// Branches by name, after a sort key; an empty one starts at the first.
  func page(
    of organization: UUID, after sortKey: String, limit: Int, deadline: Deadline
  ) async throws -> [BranchRow] {
    try await database.run(
      .organization(organization), deadline: deadline.instant,
      Self.page(organization, sortKey, limit))
  }

  /// Stores a branch. Throws ALREADY_EXISTS/BRANCH_NAME_TAKEN.
  func create(_ row: BranchRow, for intent: Intent) async throws -> Branch {
    try await Self.faults.blaming {
      try await idempotency.write(
        intent.key, scope: .organization(intent.organization), deadline: intent.deadline,
        answer: Branch(row), Self.inserting(row),
        intent.audit("branch.create", on: "branch", row.branchID))
    }
  }
}
