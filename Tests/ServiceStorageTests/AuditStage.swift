import Crypto
import Foundation
import Logging
import Postgres
import ServiceKit
import TestKit

@testable import ServiceStorage

/// The audit log of a service on a database of its own, with its sealer and its keys.
struct AuditStage: Sendable {
  static let schema = "organization"

  let database: TestDatabase
  let service: Database
  let worker: Database
  let signer: AuditSigner
  let file: SealFile
  let path: String
  let organizations: [UUID]

  func sealer(
    _ signer: AuditSigner? = nil, patience: Duration = AuditSealer.patience
  ) -> AuditSealer {
    AuditSealer(
      service: Self.schema, worker: worker, signer: signer ?? self.signer, copy: file,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, patience: patience)
  }

  /// Appends rows as the service does, and has some transactions fail, whose ids no row gets.
  func write(_ count: Int, failing: (Int) -> Bool = { $0 % 17 == 5 }) async throws {
    for index in 0..<count {
      let organization = organizations[index % organizations.count]
      let entry = AuditEntry(
        index % 3 == 0 ? "client.create" : "client.update", on: "client", UUIDv7.make(),
        in: organization, by: AuditActor(account: UUID(), service: "gateway", actingAs: "STAFF"),
        requestID: index % 2 == 0 ? UUID() : nil, detail: ["fields": "given_name,\(index)"])
      let fails = Statement<NoRow>("select 1 / (select 0)", writes: true)
      do {
        try await service.run(
          .organization(organization),
          all: failing(index) ? [Audit.append(entry), AnyQuery(fails())] : [Audit.append(entry)])
      } catch {
        guard error.sqlState == "22012" else { throw error }
      }
    }
  }

  /// What a superuser finds.
  /// - Parameter horizon: nil for that of today.
  func verify(
    keys: [AuditSigner]? = nil, copies: [AuditSeal]?? = nil, horizon: Date? = nil
  ) async throws -> [AuditFinding] {
    let known = Dictionary(
      (keys ?? [signer]).map { ($0.keyID, $0.publicKey) }, uniquingKeysWith: { first, _ in first })
    var verifier = AuditVerifier(
      service: Self.schema, keys: known, copies: try copies ?? file.seals(),
      horizon: horizon ?? AuditRetention.horizon(at: Date()))
    let reader = try superuser()
    _ = try await AuditWalk(reader).verify(with: &verifier)
    await reader.close()
    return verifier.findings
  }

  /// A superuser's connection.
  func superuser() throws -> Database {
    try database.database(role: "postgres") { settings in
      settings.connection += " options='-csearch_path=\(Self.schema)'"
      settings.connectionsMax = 1
    }
  }

  /// Every row and every seal, read once.
  func read() async throws -> (rows: [AuditRow], seals: [AuditSeal]) {
    (
      try await worker.run(.none, AuditSealer.rows(0, Int64.max, 100_000)),
      try await worker.run(.none, AuditSealer.seals(0))
    )
  }

  /// Runs SQL as a superuser whom no trigger stops.
  func tamper(_ sql: String) async throws {
    try await database.sql(
      "set session_replication_role = replica; set search_path = \(Self.schema); \(sql)")
  }
}

/// - Parameter cluster: nil for the one that all tests share.
func withAudit(
  cluster: String? = nil, _ body: (AuditStage) async throws -> Void
) async throws {
  try await withDatabase("organization", cluster: cluster) { database in
    let folder = FileManager.default.temporaryDirectory.appending(path: "audit-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "organization.seals").path
    try await body(
      AuditStage(
        database: database, service: try database.database(),
        worker: try database.database(role: "organization_worker"),
        signer: AuditSigner(keyID: "audit-organization-1", key: .init()),
        file: SealFile(path: path), path: path, organizations: (0..<3).map { _ in UUID() }))
  }
}
