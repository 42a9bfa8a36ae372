import Foundation
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import ServiceStorage

/// What a service's roles cannot do to the tables that everybody must be able to believe.
@Suite struct AppendOnlyTests {
  static let services = ["identity", "organization", "client-directory", "messaging"]

  /// Runs SQL as a role, and answers the SQLSTATE of the refusal.
  private static func refusal(
    _ sql: String, as role: String, in database: TestDatabase
  ) async -> String? {
    do {
      try await PlainConnection.withSession(database.connection(role: role)) {
        _ = try $0.run(sql)
      }
      return nil
    } catch {
      return (error as? PostgresError)?.sqlState ?? "\(error)"
    }
  }

  @Test("ids, transactions and times of acts and news are the database's", arguments: services)
  func forged(service: String) async throws {
    try await withDatabase(service) { database in
      let act = "actor_service, acting_as, action, object_kind, detail"
      let acts = "'x', '', 'client.create', 'client', '{}'"
      let news = "kind, aggregate_id, payload", newsOf = "'x', gen_random_uuid(), ''"
      let forgeries = [
        "insert into audit_log (audit_id, \(act)) overriding system value values (1 << 40, \(acts))",
        "insert into audit_log (transaction_id, \(act)) values ('7', \(acts))",
        "insert into audit_log (created_at, \(act)) values ('2001-01-01', \(acts))",
        "insert into events (event_id, \(news)) overriding system value values (1, \(newsOf))",
        "insert into events (transaction_id, \(news)) values ('9000000', \(newsOf))",
        "insert into events (created_at, \(news)) values ('2001-01-01', \(newsOf))",
        "select nextval('audit_log_audit_id_seq')", "select nextval('events_event_id_seq')",
      ]
      for role in [database.schema, "\(database.schema)_worker"] {
        for forgery in forgeries {
          #expect(
            await Self.refusal(forgery, as: role, in: database) == "42501", "\(role): \(forgery)")
        }
        let honest = "insert into audit_log (\(act)) values (\(acts))"
        #expect(await Self.refusal(honest, as: role, in: database) == nil)
      }
      #expect(
        await Self.refusal(
          "insert into events (\(news)) values (\(newsOf))", as: database.schema, in: database)
          == nil)
    }
  }

  @Test("parked events and positions are the worker's alone", arguments: services)
  func inbox(service: String) async throws {
    try await withDatabase(service) { database in
      try await database.sql(
        """
        set search_path = \(database.schema);
        insert into feed_parked (source, transaction_id, event_id, kind, event, attempts, failure)
        values ('identity', '7', 1, 'x', 'an event of another organisation', 5, '');
        insert into feed_positions (source, transaction_id, event_id) values ('identity', '7', 1)
        """)
      for table in ["feed_parked", "feed_positions"] {
        for change in [
          "select * from \(table)", "delete from \(table)", "update \(table) set event_id = 9",
          "insert into \(table) (source) values ('x')",
        ] {
          #expect(
            await Self.refusal(change, as: database.schema, in: database) == "42501", "\(change)")
        }
      }
    }
  }

  @Test("an id that the owner made up is told, and what is true goes on being sealed")
  func owner() async throws {
    try await withAudit { stage in
      try await stage.write(3, failing: { _ in false })
      try await stage.sealer().turn()
      let alerts = Alerts(database: stage.worker)
      #expect(try await alerts.open().isEmpty)
      try await PlainConnection.withSession(
        stage.database.connection(role: "organization_migrate")
      ) {
        _ = try $0.run(
          """
          set role organization_owner; set search_path = organization;
          create policy forgers on audit_log for insert to organization_owner with check (true);
          insert into audit_log (audit_id, transaction_id, created_at, actor_service, acting_as,
            action, object_kind, detail)
          overriding system value
          values (4611686018427387904, '7', '2001-01-01', 'x', '', 'x', 'x', '{}')
          """)
      }
      try await stage.write(4, failing: { _ in false })
      try await stage.sealer().turn()
      let alert = try #require(try await alerts.open().first)
      #expect(alert.kind == AuditSealer.forgedAlert)
      #expect(alert.detail.contains("4611686018427387904"))
      #expect(try stage.file.seals().map(\.rowCount) == [3, 4])
      #expect(try await stage.verify().map(\.place) == ["rows after the last"])
      try await stage.tamper("delete from audit_log where audit_id = 4611686018427387904")
      try await stage.write(2, failing: { _ in false })
      try await stage.sealer().turn()
      #expect(try await alerts.open().isEmpty)
      #expect(try await stage.verify() == [])
    }
  }

  @Test("rows that wait too long for their seal are told, with whom they wait for")
  func held() async throws {
    try await withCluster { cluster in
      try await withAudit(cluster: cluster.connection) { stage in
        let alerts = Alerts(database: stage.worker)
        let process = Statement<Int>("select pg_backend_pid()::bigint")
        let turn = try await stage.service.transaction(.organization(stage.organizations[0])) {
          open in
          let entry = AuditEntry(
            "branch.create", on: "branch", UUID(), in: stage.organizations[0],
            by: .background("organization"))
          try await open.run(all: [Audit.append(entry)])
          let pid = try #require(try await open.run(process()).first)
          try await stage.write(1, failing: { _ in false })
          let turn = Task { try await stage.sealer(patience: .zero).turn() }
          while try await alerts.open().isEmpty { await Task.yield() }
          let alert = try #require(try await alerts.open().first)
          #expect(alert.kind == AuditSealer.unsealedAlert)
          #expect(alert.detail.contains("process \(pid) of organization"), "\(alert.detail)")
          return turn
        }
        try await turn.value
        #expect(try await alerts.open().isEmpty)
        #expect(try stage.file.seals().map(\.rowCount) == [2])
      }
    }
  }
}
