import Crypto
import Foundation
import Postgres
import ServiceKit
import ServiceStorage

/// The checks of one service's schema.
struct ServiceCheck {
  /// How long rows may wait for their seal, in seconds.
  static let unsealedSecondsMax = 60.0

  let service: String
  let database: ServiceDatabase
  let keys: URL
  /// Where seals have their copies; nil when they have none.
  let copies: URL?

  private var schema: String { Migrations.schema(service) }

  /// Runs them all.
  func report(progress: (String) -> Void) async throws -> VerifyReport {
    var report = VerifyReport(service: service)
    try await checkAudit(&report, progress)
    try await checkCatalog(&report)
    try await checkInvariants(&report)
    return report
  }

  private func checkAudit(
    _ report: inout VerifyReport, _ progress: (String) -> Void
  ) async throws {
    let file = copies?.appending(path: "\(service).seals").path
    let copy = file.flatMap { path in
      FileManager.default.fileExists(atPath: path) ? SealFile(path: path) : nil
    }
    let verifier = AuditVerifier(
      service: service, keys: try publicKeys(), copies: try copy?.seals(),
      horizon: AuditRetention.horizon(at: Date()))
    if file == nil {
      report.warnings.append(
        "no copies of the seals: a log cut short would pass. Set CLIENTELE_AUDIT_COPY for the "
          + "service, and give --copies here")
    }
    let (checked, found) = try await database.within(service) { database in
      var verifier = verifier
      let found = try await AuditWalk(database).verify(with: &verifier) { number, total in
        progress("\(service): seal \(number) of \(total)")
      }
      return (verifier, found)
    }
    report.auditRows = found.rows
    report.auditSeals = found.seals
    report.unsealedRows = found.unsealed?.count ?? 0
    report.oldestUnsealedSeconds = found.unsealed?.oldestSeconds
    progress("")
    report.violations += checked.findings
    if checked.isBehindCopies {
      report.warnings.append(
        "of a database restored to an earlier moment this is so: hold it against what "
          + "`clientele restore --copies` put aside (docs/operations.md, Backups)")
    }
    if let file, copy == nil, found.seals > 0 {
      report.violations.append(
        AuditFinding(place: "copies of the seals", what: "there are none at \(file)"))
    }
    if let age = report.oldestUnsealedSeconds, age > Self.unsealedSecondsMax {
      report.warnings.append(
        "rows have waited \(Int(age)) s for their seal: is the service running?")
    }
  }

  private func publicKeys() throws -> [String: Curve25519.Signing.PublicKey] {
    let files = try FileManager.default.contentsOfDirectory(atPath: keys.path).filter {
      $0.hasPrefix("audit-\(service)-") && $0.hasSuffix(".pub")
    }
    return try Dictionary(
      files.map { name in
        let path = keys.appending(path: name).path
        return (
          KeyFiles.keyID(path), try .init(rawRepresentation: KeyFiles.secret(path).prefix(32))
        )
      }, uniquingKeysWith: { first, _ in first })
  }

  private func checkCatalog(_ report: inout VerifyReport) async throws {
    let problems = try await IsolationLint.problems(
      of: schema, connection: try database.connection())
    report.violations += problems.map { AuditFinding(place: "catalogue", what: $0) }
  }

  private func checkInvariants(_ report: inout VerifyReport) async throws {
    for invariant in Invariant.all[service] ?? [] {
      let rows = try await PlainConnection.withSession(
        try database.connection()
      ) { try $0.run(invariant.sql) }
      let cells = rows.first ?? []
      let count = cells.first.flatMap { $0 }.flatMap(Int64.init) ?? 0
      report.checked[invariant.subject] = count
      if let broken = cells.dropFirst().first.flatMap({ $0 }).flatMap(Int64.init), broken > 0 {
        report.violations.append(
          AuditFinding(place: invariant.subject, what: "\(broken) \(invariant.breach)"))
      }
    }
  }
}
