import CommonAPI
import Foundation
import IdentityAPI
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import IdentityCore

/// What keeps organisations and people apart in the database itself, whatever the handlers do.
@Suite struct IsolationTests {
  private static let tables = [
    "memberships", "invitations", "invitation_sends", "email_probes", "accounts",
    "login_identifiers", "credentials", "sessions", "idempotency",
  ]

  private func visible(_ table: String, _ scope: Scope, in database: Database) async throws -> Int {
    let count = Statement<Int>("select count(*) from \(table)")
    return try await database.run(scope, count()).first ?? 0
  }

  @Test("the service's role sees one organisation's rows, or one person's, or none")
  func rows() async throws {
    try await withIdentity { identity in
      let a = TestIdentity.id(), b = TestIdentity.id()
      let ada = try await identity.active("ada@example.org", organization: a)
      let bob = try await identity.active("bob@example.org", organization: b)
      _ = try await identity.signIn("ada@example.org")
      _ = try await identity.client.checkIdentifier(
        CheckIdentifierRequest(organizationID: a, identifier: "bob@example.org"),
        options: try identity.staffOptions(a))
      let database = try identity.database.database()
      let organization = try #require(UUID(uuidString: a))
      for table in ["memberships", "invitations", "invitation_sends", "email_probes"] {
        let own = try await visible(table, .organization(organization), in: database)
        let foreign = try await visible(table, .organization(UUID()), in: database)
        #expect(own == 1 && foreign == 0, "\(table)")
      }
      let person = try #require(UUID(uuidString: ada.accountID))
      for table in ["accounts", "credentials", "sessions", "memberships"] {
        #expect(try await visible(table, .account(person), in: database) == 1, "\(table)")
      }
      #expect(try await visible("login_identifiers", .account(person), in: database) == 2)
      for table in Self.tables {
        #expect(try await visible(table, .none, in: database) == 0, "\(table)")
      }
      // Bob's rows cannot be changed in the name of a's organisation, nor of Ada.
      let steal = Statement<UUID>(
        "update memberships set organization_id = $1, version = 99 returning account_id")
      let stolen = await #expect(throws: PostgresError.self) {
        try await database.run(.organization(organization), steal(UUID()))
      }
      #expect(stolen?.sqlState == "42501")
      let rename = Statement<UUID>(
        "update accounts set display_name = 'x' where account_id = $1 returning account_id")
      let other = try #require(UUID(uuidString: bob.accountID))
      #expect(try await database.run(.account(person), rename(other)).isEmpty)
    }
  }

  @Test("news is read by the worker alone")
  func news() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let database = try identity.database.database()
      let count = Statement<Int>("select count(*) from events")
      let refused = await #expect(throws: PostgresError.self) {
        try await database.run(.none, count())
      }
      #expect(refused?.sqlState == "42501")
      let worker = try identity.database.database(role: "identity_worker")
      #expect(try await worker.run(.none, count()).first == 4)
      let accounts = Statement<Int>("select count(*) from accounts")
      let forbidden = await #expect(throws: PostgresError.self) {
        try await worker.run(.none, accounts())
      }
      #expect(forbidden?.sqlState == "42501")
    }
  }

  @Test("the catalogue shows no table, function or grant unguarded")
  func catalogue() async throws {
    try await withDatabase("identity") { database in
      try await assertTenantTablesAreGuarded(schema: "identity", in: database)
    }
  }

  @Test("every statement fits the tables and the rows it is read into")
  func statements() async throws {
    try await withDatabase("identity") { database in
      try await assertStatementsFit(
        "identity", in: database,
        large: [
          "accounts", "login_identifiers", "credentials", "memberships", "invitations",
          "invitation_sends", "sessions", "email_probes", "sign_in_failures",
        ],
        sweeps: [
          (
            says: "account_id = $1 and email_normalized <> $2 and state = 'PENDING'",
            because: "with rows it reads invitations_account_idx; empty, a partial one is as cheap"
          )
        ])
    }
  }

  @Test("schema.sql is what the migrations make")
  func schema() async throws {
    try await withDatabase("identity") { database in
      let made = try await Script.run(
        "scripts/schema.sh", ["--print", database.connection(role: "postgres"), "identity"])
      let kept = try String(
        contentsOf: Checkout.root.appending(path: "services/identity/schema.sql"), encoding: .utf8)
      #expect(made == kept, "run scripts/schema.sh")
    }
  }

  @Test("housekeeping removes what ended long ago, and nothing else")
  func housekeeping() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      _ = try await identity.signIn("ada@example.org")
      _ = await refusal { try await identity.signIn("ada@example.org", TestIdentity.other) }
      _ = try await identity.database.sql(
        """
        insert into identity.sessions
        select gen_random_uuid(), account_id, sha256('x'), 60, now() - interval '90 days',
          now() - interval '90 days', now() - interval '80 days' from identity.sessions;
        update identity.sign_in_failures set window_started_at = now() - interval '2 days'
        where failures > 0;
        update identity.idempotency set created_at = now() - interval '80 hours'
        where method like '%CreatePendingAccount'
        """)
      let housekeeping = Housekeeping(
        database: try identity.database.database(role: "identity_worker"), clock: .system)
      try await housekeeping.sweep()
      #expect(try await identity.database.count("sessions") == 1)
      #expect(try await identity.database.count("idempotency") == 2)
      let left = try await identity.database.sql(
        "select count(*) from identity.sign_in_failures where failures > 0")
      #expect(left == [["0"]])
    }
  }
}
