import ClientDirectoryAPI
import CommonAPI
import Foundation
import IdentityAPI
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore
@testable import IdentityCore
@testable import Operator

/// A seed is as good as what the services themselves would have written.
@Suite struct SeedTests {
  @Test("what is seeded signs in, is listed and goes on as if it had been typed")
  func services() async throws {
    try await withSeed(organizations: 2, clients: 700) { seeded in
      for organization in seeded.summary.organizations {
        let admin = try #require(organization.employees.first?.account)
        let options = try await seeded.signIn(admin.loginEmail ?? "", in: organization.id)
        let employees = try await seeded.organization.listEmployees(
          ListEmployeesRequest(organizationID: organization.id.text, pageSize: 200),
          options: options)
        #expect(employees.employees.count == organization.employees.count)
        let clients = try await seeded.clients(of: organization.id, options)
        #expect(clients.count == 350)
        #expect(Set(clients.map(\.clientID)).count == 350)
        let messages = try await seeded.messages(of: organization.id)
        let invited = clients.count { $0.accessState == .invited || $0.accessState == .active }
        #expect(messages == invited)

        let active = try #require(clients.first { $0.accessState == .active && $0.emailSignsIn })
        let email = try #require(active.contactPoints.first { $0.rank == .primary }?.value)
        for name in [active.username, email] { _ = try await seeded.signIn(name, in: nil) }

        // The same name gets another username, and the address is somebody's.
        let twin = try await seeded.directory.createClient(
          CreateClientRequest(
            requestID: UUID().text, organizationID: organization.id.text,
            email: "twin-\(organization.id.text)@twin.example", givenName: active.givenName,
            familyName: active.familyName), options: options)
        #expect(!clients.contains { $0.username.lowercased() == twin.username.lowercased() })
        await #expect(throws: (any Error).self) {
          try await seeded.directory.createClient(
            CreateClientRequest(
              requestID: UUID().text, organizationID: organization.id.text, email: email,
              givenName: "Somebody", familyName: "Else"), options: options)
        }
      }
    }
  }

  @Test("every profile that is seeded sees what it may")
  func profiles() async throws {
    try await withSeed(organizations: 1, clients: 300) { seeded in
      let organization = seeded.summary.organizations[0]
      for employee in organization.employees.prefix(5) {
        let options = try await seeded.signIn(
          employee.account.loginEmail ?? "", in: organization.id)
        let seen = try await seeded.clients(of: organization.id, options)
        #expect(!seen.isEmpty)
        if employee.profile == .employee {
          let mine = { (client: Client) in client.stakeholderIDs.contains(employee.id.text) }
          #expect(seen.allSatisfy(mine))
        }
      }
    }
  }

  @Test("rows of the services agree with each other and with their own rules")
  func invariants() async throws {
    try await withSeed(organizations: 4, clients: 2000) { seeded in
      for (what, query) in Self.disagreements {
        #expect(try await seeded.database.sql(query).isEmpty, "\(what)")
      }
      let names = try await seeded.database.sql(
        "select kind, raw, normalized from identity.login_identifiers")
      #expect(names.count > 2000)
      for name in names {
        #expect(SignInName(name[1] ?? "")?.normalized == name[2], "\(name)")
      }
      let points = try await seeded.database.sql(
        "select kind, value, normalized from client_directory.contact_points")
      for point in points {
        let value = point[1] ?? ""
        let normal = point[0] == "1" ? EmailAddress(value)?.normalized : PhoneNumber(value)?.e164
        #expect(normal == point[2], "\(value)")
      }
      // Families, all three languages, and years of clients.
      let shared = try await seeded.database.sql(
        """
        select value from client_directory.contact_points where kind = 1 and rank = 2
        group by organization_id, value having count(*) > 1
        """)
      #expect(shared.count > 10)
      let spread = try await seeded.database.sql(
        """
        select count(distinct left(language, 2)), count(distinct date_trunc('year', created_at)),
          count(distinct access_state) from client_directory.clients
        """)
      #expect(spread.first == ["3", "8", "4"])
    }
  }

  /// Queries that answer a row per fault.
  private static let disagreements = [
    (
      "a client's state is not the account's",
      """
      select c.client_id from client_directory.clients c
      left join identity.accounts a on a.account_id = c.account_id
      where (c.access_state = 4) <> coalesce(a.state = 'ACTIVE', false)
        or (c.account_id is null) <> (a.account_id is null)
      """
    ),
    (
      "the primary e-mail is not the login, or the username another",
      """
      select c.client_id from client_directory.clients c
      left join client_directory.contact_points p
        on p.client_id = c.client_id and p.kind = 1 and p.rank = 1
      left join identity.login_identifiers e on e.account_id = c.account_id and e.kind = 'EMAIL'
      left join identity.login_identifiers u on u.account_id = c.account_id and u.kind = 'USERNAME'
      where p.value is distinct from e.raw or coalesce(u.raw, '') <> c.username
        or c.email_signs_in <> (e.raw is not null)
      """
    ),
    (
      "an invited or active client without invitation, or an active one without hat",
      """
      select c.client_id from client_directory.clients c
      left join identity.invitations i on i.record_id = c.client_id
      left join identity.memberships m on m.record_id = c.client_id and m.hat = 'CLIENT'
      where (c.access_state >= 3) <> (i.invitation_id is not null)
        or (c.access_state = 4) <> (m.record_id is not null)
        or i.email <> c.invitation_email
      """
    ),
    (
      "an active account without a password, or a pending one with",
      """
      select a.account_id from identity.accounts a left join identity.credentials k using (account_id)
      where (a.state = 'ACTIVE') <> (k.account_id is not null)
      """
    ),
    (
      "a link to somebody of another organisation",
      """
      select s.client_id from client_directory.stakeholders s
      left join organization.employees e using (organization_id, employee_id)
      where e.employee_id is null
      union all
      select c.client_id from client_directory.clients c
      left join organization.branches b using (organization_id, branch_id) where b.branch_id is null
      """
    ),
    (
      "the order of ids is not that of time",
      """
      select client_id from (select client_id, created_at, lag(created_at)
        over (partition by organization_id order by client_id) as before
        from client_directory.clients) c
      where date_trunc('milliseconds', before) > created_at
      """
    ),
    (
      "an address that is not reserved for examples",
      "select raw from identity.login_identifiers where kind = 'EMAIL' and raw not like '%.example'"
    ),
    (
      "somebody was told",
      """
      select event_id from client_directory.events union all select event_id from identity.events
      union all select event_id from organization.events
      """
    ),
  ]

  @Test("a seed is refused the second time, and another one goes beside it")
  func again() async throws {
    try await withSeed(organizations: 2, clients: 200) { seeded in
      await #expect(throws: SeedRun.Refused.self) { try await seeded.run(seed: 1) }
      _ = try await seeded.run(seed: 2)
      #expect(try await seeded.database.sql("select from client_directory.clients").count == 400)
    }
  }

  @Test("the same seed makes the same rows")
  func sameSeed() async throws {
    func prints() async throws -> [[String?]] {
      try await withSeed(organizations: 3, clients: 400) { seeded in
        try await seeded.database.sql(
          """
          select md5(string_agg(c::text, '' order by client_id)) from client_directory.clients c
          union all
          select md5(string_agg(i::text, '' order by account_id, kind))
            from identity.login_identifiers i
          union all
          select md5(string_agg(m::text, '' order by message_id)) from messaging.messages m
          """)
      }
    }
    let (one, other) = (try await prints(), try await prints())
    #expect(one.count == 3)
    #expect(one == other)
  }
}
