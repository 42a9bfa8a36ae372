import Foundation
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import MessagingCore

@Suite struct TenantTests {
  @Test("the catalogue keeps organisations apart")
  func catalogue() async throws {
    try await withDatabase("messaging") { database in
      try await assertTenantTablesAreGuarded(schema: "messaging", in: database)
    }
  }

  @Test("through SQL as the service's role, an organisation sees its own messages only")
  func sql() async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      let count = Statement<Int>("SELECT count(*) FROM messages")
      let service = try stage.database.database()
      #expect(try await service.run(.organization(.sampleOrganization), count()) == [1])
      #expect(try await service.run(.organization(.otherOrganization), count()) == [0])
      #expect(try await service.run(.none, count()) == [0])
      #expect(try await stage.worker.run(.none, count()) == [1])
    }
  }

  @Test(
    "the service's role reads and never writes; the worker's changes what it must",
    arguments: [
      ("messaging", "UPDATE messages SET state = 'SENT'"),
      ("messaging", "DELETE FROM messages"),
      ("messaging", "UPDATE delivery_attempts SET outcome = 'SENT'"),
      ("messaging_worker", "DELETE FROM messages"),
      ("messaging_worker", "UPDATE messages SET recipient = 'evil@example.org'"),
      ("messaging_worker", "UPDATE messages SET organization_id = organization_id"),
    ])
  func grants(role: String, sql: String) async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      let database = try stage.database.database(role: role)
      let statement = Statement<NoRow>(sql)
      do {
        _ = try await database.run(.organization(.sampleOrganization), statement())
        Issue.record("\(role) may: \(sql)")
      } catch let error as PostgresError {
        #expect(error.sqlState == "42501")
      }
    }
  }
}
