import CommonAPI
import Feed
import Foundation
import GRPC
import OrganizationAPI
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

/// An employee with the ids of their branches.
struct EmployeeRow: PostgresRow {
  let organizationID: UUID
  let employeeID: UUID
  let accountID: UUID
  let givenName: String
  let familyName: String
  let email: String
  let profile: Profile
  let state: EmployeeState
  let username: String
  let createdAt: PostgresTimestamp
  let branchIDs: [UUID]
  /// The order of lists; made by the database.
  let sortKey: String

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    employeeID = try columns.next()
    accountID = try columns.next()
    givenName = try columns.next()
    familyName = try columns.next()
    email = try columns.next()
    profile = Profile(rawValue: Int32(try columns.next(Int16.self)))
    state = EmployeeState(rawValue: Int32(try columns.next(Int16.self)))
    username = try columns.next()
    createdAt = try columns.next()
    branchIDs = try columns.next()
    sortKey = try columns.next()
  }

  /// Somebody just invited.
  init(
    _ person: PersonDraft, organizationID: UUID, employeeID: UUID, accountID: UUID,
    username: String, profile: Profile, branchIDs: [UUID], at moment: Date
  ) {
    self.organizationID = organizationID
    self.employeeID = employeeID
    self.accountID = accountID
    givenName = person.givenName
    familyName = person.familyName
    email = person.email.raw
    self.profile = profile
    state = .invited
    self.username = username
    createdAt = PostgresTimestamp(moment)
    self.branchIDs = branchIDs
    sortKey = ""
  }
}

extension OrganizationStorage {
  var employees: Employees { Employees(database: database, idempotency: idempotency) }
}

/// The tables `employees` and `employee_branches`.
struct Employees: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  private static let columns = """
    e.organization_id, e.employee_id, e.account_id, e.given_name, e.family_name, e.email, e.profile,
    e.state, e.username, e.created_at,
    array(select b.branch_id from employee_branches b
      where b.organization_id = $1 and b.employee_id = e.employee_id
      order by b.branch_id),
    e.sort_key
    """
  static let select = Statement<EmployeeRow>(
    "select \(columns) from employees e where e.organization_id = $1 and e.employee_id = $2")
  static let page = Statement<EmployeeRow>(
    """
    select \(columns) from employees e
    where e.organization_id = $1 and (e.sort_key, e.employee_id) > ($2, $3)
    order by e.sort_key, e.employee_id limit $4
    """)
  static let insert = Statement<NoRow>(
    """
    insert into employees (organization_id, employee_id, account_id, given_name, family_name, email,
      profile, state, username, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
    """)
  static let place = Statement<NoRow>(
    """
    insert into employee_branches (organization_id, employee_id, branch_id)
    select $1, $2, branch_id from unnest($3::uuid[]) as given (branch_id)
    on conflict on constraint employee_branches_pkey do nothing
    """)
  static let activate = Statement<NoRow>(
    """
    update employees set state = 2, updated_at = now()
    where organization_id = $1 and employee_id = $2 and state = 1
    """)
  static let statements: [any DescribedStatement] = [select, page, insert, place, activate]
  static let faults: ConstraintFaults = [
    "employees_account_key": OrganizationError.employeeExists,
    "employee_branches_branch_fkey": OrganizationError.branchNotFound,
    "employees_organization_fkey": OrganizationError.organizationNotFound,
  ]

  static func inserting(_ row: EmployeeRow) -> Query<NoRow> {
    insert(
      row.organizationID, row.employeeID, row.accountID, row.givenName, row.familyName, row.email,
      Int16(row.profile.rawValue), Int16(row.state.rawValue), row.username, row.createdAt)
  }

  static func placing(_ row: EmployeeRow) -> Query<NoRow> {
    place(row.organizationID, row.employeeID, row.branchIDs)
  }

  static func announcing(_ row: EmployeeRow) -> Query<NoRow> {
    Events.append(
      kind: "employee.added", organization: row.organizationID, aggregate: row.employeeID,
      payload: EmployeeAdded(employee: Employee(row)).serialized())
  }

  /// The employee. Throws NOT_FOUND/EMPLOYEE_NOT_FOUND.
  func find(
    _ employee: UUID, of organization: UUID, deadline: Deadline
  ) async throws -> EmployeeRow {
    let rows = try await database.run(
      .organization(organization), deadline: deadline.instant,
      Self.select(organization, employee))
    guard let row = rows.first else { throw OrganizationError.employeeNotFound }
    return row
  }

  /// Employees by family and given name, after a sort key and id.
  func page(
    of organization: UUID, after last: (sortKey: String, employeeID: UUID), limit: Int,
    deadline: Deadline
  ) async throws -> [EmployeeRow] {
    try await database.run(
      .organization(organization), deadline: deadline.instant,
      Self.page(organization, last.sortKey, last.employeeID, limit))
  }

  /// The answer of an earlier CreateEmployee of the same intent.
  func replay(_ intent: Intent) async throws -> Employee? {
    try await idempotency.replay(
      intent.key, scope: .organization(intent.organization), deadline: intent.deadline)
  }

  /// Stores an employee, the job that invites them, and the news; all or nothing. Throws
  /// ALREADY_EXISTS/EMPLOYEE_EXISTS and NOT_FOUND/BRANCH_NOT_FOUND.
  func create(
    _ row: EmployeeRow, job: EmployeeJob, for intent: Intent
  ) async throws -> Employee {
    try await Self.faults.blaming {
      try await idempotency.write(
        intent.key, scope: .organization(intent.organization), deadline: intent.deadline,
        answer: Employee(row), Self.inserting(row), Self.placing(row),
        try EmployeeJobs.inserting(job), Self.announcing(row),
        intent.audit(
          "employee.create", on: "employee", row.employeeID,
          ["profile": row.profile.protoName ?? ""]))
    }
  }
}
