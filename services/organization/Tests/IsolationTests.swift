import Foundation
import OrganizationAPI
import Postgres
import ServiceKit
import ServiceStorage
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct IsolationTests {
  @Test("the catalogue keeps tenants apart")
  func catalogue() async throws {
    try await withDatabase("organization") { database in
      try await assertTenantTablesAreGuarded(schema: "organization", in: database)
    }
  }

  @Test("the service's role sees and writes one organisation's rows, and none without one")
  func rows() async throws {
    try await withOrganization { harness in
      let (first, _) = try await harness.open()
      let (second, _) = try await harness.open("Other", email: "eve@example.org")
      let mine = try #require(UUID(uuidString: first.organizationID))
      let theirs = try #require(UUID(uuidString: second.organizationID))
      for table in ["organizations", "branches", "employees", "jobs"] {
        let all = Statement<UUID>("select organization_id from \(table)")
        #expect(try await harness.service.run(.organization(mine), all()) == [mine])
        #expect(try await harness.service.run(.none, all()).isEmpty)
      }
      let stolen = Statement<NoRow>("update branches set name = 'x' where organization_id = $1")
      #expect(try await harness.service.run(.organization(mine), stolen(theirs)).isEmpty)
      let planted = Statement<NoRow>(
        """
        insert into branches (organization_id, branch_id, name, created_at)
        values ($1, $1, 'x', now())
        """
      )
      await #expect(throws: PostgresError.self) {
        try await harness.service.run(.organization(mine), planted(theirs))
      }
    }
  }

  @Test("every statement fits the tables and the rows it is read into")
  func statements() async throws {
    try await withDatabase("organization") { database in
      try await assertStatementsFit(
        "organization", in: database,
        large: [
          "organizations", "national_number_bases", "branches", "employees", "employee_branches",
        ])
    }
  }

  @Test("Citus takes the tables, and routes each statement to one node")
  func citus() async throws {
    try await withDatabase("organization") { database in
      try await assertFitsCitus("organization", in: database)
    }
  }

  @Test("first answers go after 72 hours, and only those")
  func sweep() async throws {
    try await withOrganization { harness in
      _ = try await harness.open()
      _ = try await harness.open(email: "eve@example.org")
      let worker = try harness.database.database(role: "organization_worker")
      let sweep = AnswerSweep(worker: worker)
      #expect(try await sweep.sweep() == 0)
      try await harness.database.sql(
        """
        update organization.idempotency set created_at = now() - interval '73 hours'
        where request_id = (select request_id from organization.idempotency limit 1)
        """)
      #expect(try await sweep.sweep() == 1)
      #expect(try await harness.database.count("idempotency") == 1)
    }
  }
}
