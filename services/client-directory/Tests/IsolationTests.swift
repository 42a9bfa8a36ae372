import ClientDirectoryAPI
import CommonAPI
import Foundation
import Postgres
import ServiceKit
import ServiceStorage
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct IsolationTests {
  @Test("the catalogue keeps tenants apart")
  func catalogue() async throws {
    try await withDatabase("client-directory") { database in
      try await assertTenantTablesAreGuarded(schema: "client_directory", in: database)
    }
  }

  @Test("the service's role sees and writes one organisation's rows, and none without one")
  func rows() async throws {
    try await withDirectory { harness in
      let mine = harness.organization()
      let theirs = harness.organization()
      for organization in [mine, theirs] {
        let admin = harness.staff(.superAdmin, of: organization)
        let client = try await harness.create(by: admin, email: "same@example.org") {
          $0.labels = ["l"]
        }
        try harness.allowIdentifiers(to: admin)
        _ = try await harness.api.setIdentifier(.sample(of: client), options: admin.options)
      }
      for table in [
        "clients", "client_labels", "stakeholders", "contact_points", "jobs", "identifiers",
      ] {
        let all = Statement<UUID>("select organization_id from \(table)")
        #expect(try await harness.service.run(.organization(mine.id), all()) == [mine.id])
        #expect(try await harness.service.run(.none, all()).isEmpty)
        let stolen = Statement<NoRow>("delete from \(table) where organization_id = $1")
        #expect(
          try await harness.service.run(.organization(mine.id), stolen(theirs.id)).isEmpty)
      }
      let planted = Statement<NoRow>(
        """
        insert into stakeholders (organization_id, client_id, employee_id, sort_key, created_at)
        select $1, client_id, client_id, sort_key, now() from clients
        """)
      await #expect(throws: PostgresError.self) {
        try await harness.service.run(.organization(mine.id), planted(theirs.id))
      }
    }
  }

  @Test("every statement fits the tables and the rows it is read into")
  func statements() async throws {
    try await withDatabase("client-directory") { database in
      try await assertStatementsFit(
        "client-directory", in: database,
        large: [
          "clients", "contact_points", "stakeholders", "client_labels", "identifiers",
          "identifier_reveals",
        ])
    }
  }

  @Test("Citus takes the tables, and routes each statement to one node")
  func citus() async throws {
    try await withDatabase("client-directory") { database in
      try await assertFitsCitus(
        "client-directory",
        crossing: [
          "insert into client_labels": "made from the file's row, which is found by $1",
          "select organization_id, coalesce(max(version)": "an operator lists all keys",
          "select organization_id, client_id, kind, ciphertext, blind_index, masked":
            "clientele verify opens every number",
        ], in: database)
    }
  }

  @Test("the worker sees the queue, and of files what an event of their organisation changes")
  func worker() async throws {
    try await withDirectory { harness in
      let admin = harness.staff(.superAdmin, of: harness.organization())
      _ = try await harness.create(by: admin, email: "a@example.org")
      let worker = try harness.database.database(role: "client_directory_worker")
      let jobs = Statement<UUID>("select job_id from jobs")
      #expect(try await worker.run(.none, jobs()).count == 1)
      for table in ["contact_points", "identifiers", "data_keys", "identifier_reveals"] {
        let all = Statement<Bool>("select true from \(table)")
        await #expect(throws: PostgresError.self) { try await worker.run(.none, all()) }
      }
      for table in ["clients", "stakeholders", "client_labels"] {
        let all = Statement<Bool>("select true from \(table)")
        for scope in [Scope.none, .organization(UUID())] {
          #expect(try await worker.run(scope, all()).isEmpty)
        }
        let gone = Statement<NoRow>("delete from \(table)")
        await #expect(throws: PostgresError.self) { try await worker.run(.none, gone()) }
      }
      let answers = Statement<[UInt8]>("select response from idempotency")
      await #expect(throws: PostgresError.self) { try await worker.run(.none, answers()) }
    }
  }

  @Test("first answers go after 72 hours, and only those")
  func sweep() async throws {
    try await withDirectory { harness in
      let admin = harness.staff(.superAdmin, of: harness.organization())
      for _ in 0..<2 { _ = try await harness.create(by: admin) }

      let worker = try harness.database.database(role: "client_directory_worker")
      let sweep = AnswerSweep(worker: worker)
      #expect(try await sweep.sweep() == 0)
      try await harness.database.sql(
        """
        update client_directory.idempotency set created_at = now() - interval '73 hours'
        where request_id = (select request_id from client_directory.idempotency limit 1)
        """)
      #expect(try await sweep.sweep() == 1)
      #expect(try await harness.database.count("idempotency") == 1)
    }
  }

  @Test("what holds up the sweep of first answers leaves those swept before it gone")
  func sweepInParts() async throws {
    try await withDirectory { harness in
      try await harness.database.sql(
        """
        insert into client_directory.idempotency
          (scope, caller, method, request_id, request_hash, response, created_at)
        select gen_random_uuid(), 'test', 'test', gen_random_uuid(), '\\x', '\\x',
          now() - interval '100 hours' + n * interval '1 second' from generate_series(1, 2500) n
        """)
      let sweep = AnswerSweep(
        worker: try harness.database.database(role: "client_directory_worker"))
      let other = try harness.database.database(role: "postgres")
      let held = Statement<NoRow>(
        "select from client_directory.idempotency order by created_at desc limit 1 for update")
      try await other.transaction(.none, deadline: .now + .seconds(60)) { transaction in
        _ = try await transaction.run(held())
        await #expect(throws: PostgresError.self) { try await sweep.sweep() }
      }
      #expect(try await harness.database.count("idempotency") == 500)
      #expect(try await sweep.sweep() == 500)
    }
  }
}
