public import Postgres
import ServiceStorage

/// The tables of this service, as its handlers use them.
public struct OrganizationStorage: Sendable {
  let organizations: Organizations
  let branches: Branches
  let employees: Employees

  /// - Parameter database: connected as the role `organization`, which row-level security binds.
  public init(database: Database) {
    let idempotency = Idempotency(database: database)
    organizations = Organizations(database: database, idempotency: idempotency)
    branches = Branches(database: database, idempotency: idempotency)
    employees = Employees(database: database, idempotency: idempotency)
  }
}
