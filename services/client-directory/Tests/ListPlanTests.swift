import Foundation
import Postgres
import TestKit
import Testing

@testable import ClientDirectoryCore

/// Every list that is offered reads an index in its order, however many clients there are.
@Suite struct ListPlanTests {
  private static let organization = UUID(uuidString: "00000000-0000-7000-8000-000000000001")
  private static let employee = UUID(uuidString: "00000000-0000-7000-8000-0000000000e1")
  private static let branches = [
    UUID(uuidString: "00000000-0000-7000-8000-0000000000b0"),
    UUID(uuidString: "00000000-0000-7000-8000-0000000000b1"),
  ].compactMap { $0 }

  /// 24 000 clients of one organisation and 2 000 of another.
  private static let population = """
    set search_path = client_directory;
    create temporary table seed as
    select n, case when n <= 24000 then '00000000-0000-7000-8000-000000000001'::uuid
        else '00000000-0000-7000-8000-000000000002'::uuid end as organization_id,
      lpad(to_hex(n), 8, '0')::text || '-0000-7000-8000-000000000000' as id,
      md5(n::text) as name
    from generate_series(1, 26000) as n;
    insert into clients (organization_id, client_id, branch_id, account_id, case_manager_id,
      version, created_at, updated_at, access_state, email_signs_in, username, invitation_email, given_name,
      family_name, preferred_name, language, company_name, street, house_number, box, postal_code,
      city, province, country, case_manager_name, labels)
    select organization_id, id::uuid,
      ('00000000-0000-7000-8000-0000000000b' || n % 4)::uuid,
      case when n % 4 = 0 then null else id::uuid end,
      case when n % 5 = 0 then ('00000000-0000-7000-8000-0000000000e' || n % 7)::uuid end, 1,
      now(), now(), 1 + n % 4, false, '', '', 'Given', name, '', 'fr', '', '', '', '', '', '', '',
      '', '', array['label' || n % 10]
    from seed;
    insert into stakeholders (organization_id, client_id, employee_id, sort_key, created_at)
    select c.organization_id, c.client_id,
      ('00000000-0000-7000-8000-0000000000e' || s.n % 10)::uuid, c.sort_key, now()
    from clients c join seed s on s.id::uuid = c.client_id;
    insert into client_labels (organization_id, label, sort_key, client_id)
    select organization_id, labels[1], sort_key, client_id from clients;
    insert into contact_points (organization_id, client_id, contact_point_id, kind, rank,
      phone_type, value, normalized, created_at)
    select organization_id, client_id, client_id, 1, 1, 0, family_name || '@example.org',
      family_name || '@example.org', now() from clients;
    analyze clients; analyze stakeholders; analyze client_labels; analyze contact_points;
    """

  @Test("no list reads a table from end to end")
  func plans() async throws {
    let organization = try #require(Self.organization)
    let employee = try #require(Self.employee)
    try await withDatabase("client-directory") { database in
      try await database.sql(Self.population)
      let service = try database.database()
      for shape in ClientListShape.allCases {
        let filter: String =
          switch shape.filter {
          case .none: ""
          case .accessState: "2"
          case .branch: Self.branches[0].uuidString
          case .caseManager, .stakeholder: employee.uuidString
          case .label: "label3"
          }
        let middle = try #require(
          UUID(uuidString: "00001000-0000-7000-8000-000000000000"))
        let explain = Statement<String>("explain (costs off) " + ClientLists.sql(shape))
        let plan = try await service.run(
          .organization(organization),
          explain(
            organization, "8", middle, 51, filter,
            shape.sight == .own ? [employee] : Self.branches))
        let text = plan.joined(separator: "\n")
        #expect(!text.contains("Seq Scan"), "\(shape):\n\(text)")
        #expect(!text.contains("Bitmap"), "\(shape):\n\(text)")
      }
    }
  }
}
