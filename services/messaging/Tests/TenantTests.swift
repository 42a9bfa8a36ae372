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
    "the service's role adds and never changes; the worker's changes what it must",
    arguments: [
      ("messaging", "UPDATE messages SET state = 'SENT'"),
      ("messaging", "DELETE FROM messages"),
      ("messaging", "DELETE FROM sms_quotas"),
      ("messaging_worker", "UPDATE messages SET body = 'evil'"),
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

  @Test("every statement fits the tables and the rows it is read into")
  func statements() async throws {
    try await withDatabase("messaging") { database in
      try await assertStatementsFit(
        "messaging", in: database, large: ["messages", "delivery_attempts"])
    }
  }

  @Test("a statement that reads a large table as a whole is found, in the shared rooms too")
  func scans() async throws {
    try await withDatabase("messaging") { database in
      try await database.sql(
        """
        drop index messaging.jobs_due_idx;
        alter table messaging.messages drop constraint messages_pkey cascade,
          drop constraint messages_invitation_key;
        drop index messaging.messages_record_idx;
        alter table messaging.events drop constraint events_pkey;
        """)
      let problems = await #expect(throws: StatementProblems.self) {
        try await assertStatementsFit(
          "messaging", in: database, large: ["messages", "delivery_attempts"])
      }
      for table in ["jobs", "messages", "events"] {
        let scan = "a sequential scan of \(table): "
        #expect(problems?.lines.contains { $0.hasPrefix(scan) } == true, "\(table)")
      }
    }
  }

  @Test("Citus takes the tables, and routes each statement to one node")
  func citus() async throws {
    try await withDatabase("messaging") { database in
      try await assertFitsCitus("messaging", in: database)
    }
  }

  @Test("lists read an index, however many messages there are")
  func plans() async throws {
    try await withStage { stage in
      try await stage.database.sql(
        """
        set search_path = messaging;
        insert into messages (organization_id, message_id, channel, purpose, recipient, language,
          subject, record_id, invitation_id, send_count, organization_name, display_name, username,
          email_signs_in, expires_at, state)
        select '01000000-0000-7000-8000-000000000001', (lpad(to_hex(n), 8, '0')
            || '-0000-7000-8000-000000000000')::uuid, 'EMAIL', 'CLIENT_INVITATION', 'a@b.example',
          'fr', 's', (lpad(to_hex(n % 500), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
          gen_random_uuid(), 1, 'o', 'd', 'u', true, now(), 'SENT'
        from generate_series(1, 20000) n;
        analyze messages;
        """)
      let service = try stage.database.database()
      let page = Statement<String>("explain (costs off) " + Messages.selectPage.text.sql)
      let ofRecord = Statement<String>(
        "explain (costs off) " + Messages.selectPageOfRecord.text.sql)
      let middle = UUID(uuid: (0, 0, 0x10, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0))
      let scope = Scope.organization(.sampleOrganization)
      let plans = [
        try await service.run(scope, page(UUID.sampleOrganization, middle, 51)),
        try await service.run(scope, ofRecord(UUID.sampleOrganization, middle, 51, middle)),
      ].map { $0.joined(separator: "\n") }
      for plan in plans { #expect(!plan.contains("Seq Scan on messages"), "\(plan)") }
    }
  }
}
