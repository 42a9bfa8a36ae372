import Foundation
import Postgres

/// Writes clients into client_directory, as the service's own role under the organisation's scope:
/// what its policies and keys refuse is refused here as well.
struct DirectorySeed: Table, Sendable {
  let database: Database

  private static let stage = Statement<NoRow>(
    """
    create temporary table seeded_clients (client_id uuid, branch_id uuid, account_id uuid,
      case_manager_id uuid, created_at timestamptz, access_state int2, email_signs_in boolean,
      username text, invitation_email text, given_name text, family_name text, preferred_name text,
      language text, company_name text, street text, house_number text, box text, postal_code text,
      city text, province text, country text, case_manager_name text, labels text[],
      employee_ids uuid[], point_ids uuid[], kinds int2[], ranks int2[], phone_types int2[],
      contents text[]) on commit drop
    """)
  private static let columns: [StaticString] = [
    "client_id", "branch_id", "account_id", "case_manager_id", "created_at", "access_state",
    "email_signs_in", "username", "invitation_email", "given_name", "family_name",
    "preferred_name", "language", "company_name", "street", "house_number", "box", "postal_code",
    "city", "province", "country", "case_manager_name", "labels", "employee_ids", "point_ids",
    "kinds", "ranks", "phone_types", "contents",
  ]
  /// What each part returns, nobody reads: without, Citus would make it a COPY, which policies forbid.
  private static let take = Statement<Int>(
    """
    with file as (
      insert into clients (organization_id, client_id, branch_id, account_id, case_manager_id,
        version, created_at, updated_at, access_state, email_signs_in, username, invitation_email,
        given_name, family_name, preferred_name, language, company_name, street, house_number, box,
        postal_code, city, province, country, case_manager_name, labels, stakeholder_ids,
        contact_ids, contact_kinds, contact_ranks, contact_phone_types, contact_values)
      select $1, client_id, branch_id, account_id, case_manager_id, 1, created_at, created_at,
        access_state, email_signs_in, username, invitation_email, given_name, family_name,
        preferred_name, language, company_name, street, house_number, box, postal_code, city,
        province, country, case_manager_name, labels, employee_ids, point_ids, kinds, ranks,
        phone_types, contents
      from seeded_clients
      returning organization_id, client_id, sort_key, created_at
    ), people as (
      insert into stakeholders (organization_id, client_id, employee_id, sort_key, created_at)
      select f.organization_id, f.client_id, e.employee_id, f.sort_key, f.created_at
      from file f join seeded_clients s on s.client_id = f.client_id
      cross join lateral unnest(s.employee_ids) as e (employee_id)
      returning 1
    ), tags as (
      insert into client_labels (organization_id, label, sort_key, client_id)
      select f.organization_id, l.label, f.sort_key, f.client_id
      from file f join seeded_clients s on s.client_id = f.client_id
      cross join lateral unnest(s.labels) as l (label)
      returning 1
    ), points as (
      insert into contact_points (organization_id, client_id, contact_point_id, kind, rank,
        phone_type, value, normalized, created_at)
      select f.organization_id, f.client_id, p.id, p.kind, p.rank, p.phone_type, p.value, p.value,
        f.created_at
      from file f join seeded_clients s on s.client_id = f.client_id
      cross join lateral unnest(s.point_ids, s.kinds, s.ranks, s.phone_types, s.contents)
        as p (id, kind, rank, phone_type, value)
      returning 1
    )
    select count(*) from points
    """)

  static let statements: [any DescribedStatement] = [stage, take]

  /// Stores files whole; all of them or none.
  func store(_ clients: [SeedClient], of organization: UUID) async throws {
    let deadline = ContinuousClock.now + SeedRun.stepTimeout
    try await database.transaction(.organization(organization), deadline: deadline) { step in
      try await step.run(Self.stage())
      try await step.copy(into: "seeded_clients", columns: Self.columns) { writer in
        for client in clients { try await writer.write(Self.row(client)) }
      }
      try await step.run(Self.take(organization))
    }
  }

  private static func row(_ client: SeedClient) -> CopyRow {
    let points = client.points
    let address = client.address
    return CopyRow(
      client.id, client.branchID, client.account?.id, client.caseManagerID, client.createdAt,
      client.state.rawValue, client.emailSignsIn, client.account?.username ?? "",
      client.invitationEmail, client.givenName, client.familyName, client.preferredName,
      client.language, client.companyName, address.street, address.houseNumber, address.box,
      address.postalCode, address.city, address.province, address.country, client.caseManagerName,
      client.labels, client.employeeIDs, points.map(\.id), points.map(\.kind), points.map(\.rank),
      points.map(\.phoneType), points.map(\.value))
  }
}
