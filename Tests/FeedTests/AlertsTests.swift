import Foundation
import Postgres
import ServiceStorage
import TestKit
import Testing

@Suite struct AlertsTests {
  @Test("an alert is open once until it is cleared, and may come back")
  func raisedAndCleared() async throws {
    try await withDatabase("organization") { database in
      let pool = try database.database()
      let alerts = Alerts(database: pool)
      for detail in ["one", "two"] {
        try await pool.run(
          .none, all: [Alerts.raise(kind: "a.kind", subject: "here", detail: detail)])
      }
      try await pool.run(
        .none,
        all: [
          Alerts.raise(
            kind: "a.kind", subject: "there", detail: String(repeating: "é\u{301}", count: 900))
        ])
      let open = try await alerts.open()
      #expect(open.map(\.subject) == ["here", "there"])
      #expect(open.first?.detail == "two")
      #expect(open.last?.detail.unicodeScalars.count == 1000)
      #expect(try await alerts.clear(kind: "a.kind", subject: "here"))
      #expect(try await !alerts.clear(kind: "a.kind", subject: "here"))
      #expect(try await alerts.open().map(\.subject) == ["there"])
      try await pool.run(.none, all: [Alerts.raise(kind: "a.kind", subject: "here", detail: "")])
      try await pool.run(.none, all: [Alerts.clear(kind: "a.kind", subject: "there")])
      #expect(try await alerts.open().map(\.subject) == ["here"])
      #expect(try await database.count("alerts") == 3)
    }
  }

  @Test("an alert is raised with what it tells of, or not at all")
  func sameTransaction() async throws {
    try await withDatabase("messaging") { database in
      let pool = try database.database(role: "messaging_worker")
      let failing = Statement<Int>("select 1 / (0 * count(*)) from alerts", writes: true)
      await #expect(throws: PostgresError.self) {
        try await pool.run(
          .none,
          all: [
            Alerts.raise(kind: "a.kind", subject: "here", detail: ""), AnyQuery(failing()),
          ])
      }
      #expect(try await Alerts(database: pool).open().isEmpty)
    }
  }

  @Test(
    "each service has the table, and both its roles may write it",
    arguments: ["identity", "organization", "client-directory", "messaging"])
  func everywhere(service: String) async throws {
    try await withDatabase(service) { database in
      for role in [nil, "\(database.schema)_worker"] {
        let pool = try database.database(role: role)
        let alert = Alerts.raise(kind: "a.kind", subject: role ?? "service", detail: "")
        try await pool.run(.none, all: [alert])
      }
      #expect(try await database.count("alerts") == 2)
    }
  }
}
