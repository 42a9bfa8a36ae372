import Foundation
import Postgres
import ServiceStorage
import TestKit
import Testing

@testable import Operator

/// What would let one tenant see another is found by whoever looks, and what is whole is not blamed.
@Suite struct PlantedHolesTests {
  private struct Hole {
    /// The service whose check must tell.
    let service: String
    let plant: String
    let undo: String
  }

  private static let holes = [
    Hole(
      service: "identity", plant: "alter table identity.credentials disable row level security",
      undo: "alter table identity.credentials enable row level security"),
    Hole(
      service: "identity", plant: "alter table identity.sessions no force row level security",
      undo: "alter table identity.sessions force row level security"),
    Hole(
      service: "messaging", plant: "alter role messaging_owner login",
      undo: "alter role messaging_owner nologin"),
    Hole(
      service: "identity", plant: "grant usage on schema identity to messaging",
      undo: "revoke usage on schema identity from messaging"),
    Hole(
      service: "identity", plant: "grant create on schema identity to identity",
      undo: "revoke create on schema identity from identity"),
    Hole(
      service: "identity",
      plant: "grant select (password_hash) on identity.credentials to messaging",
      undo: "revoke select (password_hash) on identity.credentials from messaging"),
    Hole(
      service: "client-directory", plant: "grant client_directory_owner to organization",
      undo: "revoke client_directory_owner from organization"),
    Hole(
      service: "organization", plant: "grant client_directory_owner to organization",
      undo: "revoke client_directory_owner from organization"),
    Hole(
      service: "identity", plant: "grant pg_read_all_data to identity_worker",
      undo: "revoke pg_read_all_data from identity_worker"),
    Hole(
      service: "identity", plant: "alter role identity bypassrls",
      undo: "alter role identity nobypassrls"),
    Hole(
      service: "organization",
      plant: "grant usage on sequence organization.job_fences to messaging",
      undo: "revoke usage on sequence organization.job_fences from messaging"),
    Hole(
      service: "organization",
      plant: "grant update on sequence organization.events_event_id_seq to organization_worker",
      undo: "revoke update on sequence organization.events_event_id_seq from organization_worker"),
    Hole(
      service: "organization",
      plant: "grant usage on sequence organization.audit_log_audit_id_seq to organization",
      undo: "revoke usage on sequence organization.audit_log_audit_id_seq from organization"),
    Hole(
      service: "identity",
      plant: """
        alter default privileges for role identity_owner in schema identity
          grant select on tables to messaging
        """,
      undo: """
        alter default privileges for role identity_owner in schema identity
          revoke select on tables from messaging
        """),
    Hole(
      service: "identity",
      plant: "grant execute on function identity.free_username(text) to messaging",
      undo: "revoke execute on function identity.free_username(text) from messaging"),
    Hole(
      service: "identity",
      plant: "alter function identity.free_username(text) set search_path = public",
      undo: "alter function identity.free_username(text) set search_path = identity, pg_temp"),
    Hole(
      service: "identity",
      plant:
        "alter function identity.free_username(text) set search_path = public, identity, pg_temp",
      undo: "alter function identity.free_username(text) set search_path = identity, pg_temp"),
    Hole(
      service: "identity", plant: "alter function identity.free_username(text) owner to postgres",
      undo: "alter function identity.free_username(text) owner to identity_owner"),
    Hole(
      service: "client-directory",
      plant: """
        alter policy clients_tenant on client_directory.clients using (true or
          organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
        """,
      undo: """
        alter policy clients_tenant on client_directory.clients using (
          organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
        """),
    Hole(
      service: "client-directory",
      plant: """
        create policy everything on client_directory.clients to client_directory_worker
          using (current_setting('clientele.organization_id', true) is not null)
        """,
      undo: "drop policy everything on client_directory.clients"),
    Hole(
      service: "identity",
      plant: "create policy blind on identity.sessions for select using (true)",
      undo: "drop policy blind on identity.sessions"),
    Hole(
      service: "messaging", plant: "drop policy messages_tenant on messaging.messages",
      undo: """
        create policy messages_tenant on messaging.messages using (
          organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
          with check (
            organization_id = nullif(current_setting('clientele.organization_id', true), '')::uuid)
        """),
    Hole(
      service: "organization", plant: "create table organization.notes (body text not null)",
      undo: "drop table organization.notes"),
    Hole(
      service: "organization", plant: "grant select on organization.feed_parked to organization",
      undo: "revoke select on organization.feed_parked from organization"),
    Hole(
      service: "organization", plant: "grant insert on organization.audit_log to organization",
      undo: """
        revoke insert on organization.audit_log from organization;
        grant insert (organization_id, actor_account, actor_service, acting_as, action, object_kind,
          object_id, request_id, detail) on organization.audit_log to organization
        """),
    Hole(
      service: "organization",
      plant: "grant insert (transaction_id) on organization.events to organization_worker",
      undo: "revoke insert (transaction_id) on organization.events from organization_worker"),
  ]

  @Test("fresh schemas show nothing; each hole is found by the lint and by verify")
  func holes() async throws {
    try await withMigrated { migrated in
      for service in DevLayout.services { #expect(try await migrated.violations(service) == []) }
      for hole in Self.holes {
        try await migrated.run(hole.plant)
        let lines = try await IsolationLint.problems(
          of: Migrations.schema(hole.service), connection: migrated.connection)
        #expect(!lines.isEmpty, "\(hole.plant)")
        #expect(try await migrated.violations(hole.service) == lines, "\(hole.plant)")
        try await migrated.run(hole.undo)
      }
      for service in DevLayout.services { #expect(try await migrated.violations(service) == []) }
    }
  }

  @Test("copies that should be there and are not are a violation; without any there is a warning")
  func copies() async throws {
    try await withMigrated { migrated in
      func copiesAreMissed(_ folder: URL?) async throws -> Bool {
        try await migrated.report("messaging", copies: folder).violations.contains {
          $0.place == "copies of the seals"
        }
      }
      #expect(try await !copiesAreMissed(migrated.folder))
      try await migrated.run(
        """
        insert into messaging.audit_seals values (1, sha256(''), sha256(''), 1, 1, '{}', 1, now(),
          'audit-messaging-1', '')
        """)
      #expect(try await copiesAreMissed(migrated.folder))
      #expect(try await !copiesAreMissed(nil))
      let warnings = try await migrated.report("messaging", copies: nil).warnings
      #expect(warnings.contains { $0.contains("CLIENTELE_AUDIT_COPY") })
    }
  }
}

/// Every service's schema in a cluster of its own: roles are the whole cluster's.
private struct Migrated {
  let superuser: String
  /// Without keys and copies.
  let folder: URL

  var connection: String { "\(superuser) dbname=clientele" }

  func run(_ sql: String) async throws {
    try await PlainConnection.withSession(connection) { _ = try $0.run(sql) }
  }

  func report(_ service: String, copies: URL?) async throws -> VerifyReport {
    var database = ServiceDatabase()
    database.superuser = superuser
    return try await ServiceCheck(
      service: service, database: database, keys: folder, copies: copies
    ).report { _ in }
  }

  /// What `clientele verify` says is violated.
  func violations(_ service: String) async throws -> [String] {
    try await report(service, copies: folder).violations.map(\.what)
  }
}

private func withMigrated(_ body: (Migrated) async throws -> Void) async throws {
  try await withCluster { cluster in
    let superuser = "\(cluster.connection) user=postgres"
    let folder = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    _ = try await Migrations.apply(
      root: Checkout.root, superuser: superuser, services: DevLayout.services)
    try await body(Migrated(superuser: superuser, folder: folder))
  }
}
