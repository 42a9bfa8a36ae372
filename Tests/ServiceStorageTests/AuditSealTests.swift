import Crypto
import Foundation
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import ServiceStorage

/// The audit log as it is written and sealed.
@Suite struct AuditSealTests {
  @Test("rows are sealed with the gaps that failed transactions leave, and verify")
  func seals() async throws {
    try await withAudit { stage in
      try await stage.write(120)
      #expect(try await stage.sealer().sealAll() > 100)
      try await stage.write(30)
      try await stage.sealer().sealAll()
      try await stage.sealer().sealAll()
      let (rows, seals) = try await stage.read()
      #expect(seals.count == 2)
      #expect(seals.map(\.rowCount).reduce(0, +) == Int64(rows.count))
      #expect(seals.flatMap(\.gaps).count >= 2 * 7)
      #expect(try stage.file.seals() == seals)
      #expect(try await stage.verify() == [])
    }
  }

  @Test("a log longer than a seal is sealed in several")
  func batches() async throws {
    try await withAudit { stage in
      let organization = stage.organizations[0]
      let entry = AuditEntry(
        "branch.create", on: "branch", UUID(), in: organization, by: .background("organization"))
      for _ in 0..<23 {
        try await stage.service.run(
          .organization(organization), all: (0..<100).map { _ in Audit.append(entry) })
      }
      #expect(try await stage.sealer().sealAll() == 2_300)
      #expect(try stage.file.seals().map(\.rowCount) == [1_000, 1_000, 300])
      #expect(try await stage.verify() == [])
    }
  }

  @Test("nothing is sealed above an id whose transaction is still open")
  func openTransactions() async throws {
    try await withAudit { stage in
      try await stage.write(3, failing: { _ in false })
      let organization = stage.organizations[0]
      let entry = AuditEntry(
        "branch.create", on: "branch", UUID(), in: organization, by: .background("organization"))
      let sealer = stage.sealer()
      let glance = try await stage.service.transaction(.organization(organization)) { open in
        try await open.run(all: [Audit.append(entry)])
        try await stage.write(1, failing: { _ in false })
        let glance = try #require(try await sealer.glance())
        #expect(glance.lastID == 5)
        #expect(try await !sealer.isFinal(glance))
        return glance
      }
      // Transactions of other tests hold it back too.
      while try await !sealer.isFinal(glance) { await Task.yield() }
      #expect(try await sealer.seal(upTo: glance) == 5)
      #expect(try await stage.verify() == [])
    }
  }

  @Test("two sealers make one chain")
  func rivals() async throws {
    try await withAudit { stage in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<3 {
          group.addTask { for _ in 0..<10 { try await stage.sealer().sealAll() } }
        }
        try await stage.write(60)
        try await group.waitForAll()
      }
      try await stage.sealer().sealAll()
      #expect(try await stage.verify() == [])
    }
  }

  @Test("a key is replaced by the next")
  func rotation() async throws {
    try await withAudit { stage in
      try await stage.write(5)
      try await stage.sealer().sealAll()
      let next = AuditSigner(keyID: "audit-organization-2", key: .init())
      try await stage.write(5)
      try await stage.sealer(next).sealAll()
      #expect(try await stage.verify(keys: [stage.signer, next]) == [])
      #expect(try await stage.verify().map(\.place) == ["seal 2"])
    }
  }

  @Test("a copy that cannot be read is no empty one")
  func unreadable() throws {
    let missing = NSTemporaryDirectory() + "\(UUID()).seals"
    #expect(try SealFile(path: missing).seals() == [])
    #expect(throws: (any Error).self) { try SealFile(path: NSTemporaryDirectory()).seals() }
  }

  @Test("the copy is brought up to the table, and half a line does not end it")
  func copy() async throws {
    try await withAudit { stage in
      for _ in 0..<3 {
        try await stage.write(2, failing: { _ in false })
        try await stage.sealer().sealAll()
      }
      let whole = try Data(contentsOf: URL(fileURLWithPath: stage.path))
      try whole.dropLast(100).write(to: URL(fileURLWithPath: stage.path))
      try await stage.sealer().sealAll()
      #expect(try stage.file.seals().map(\.number) == [1, 2, 3])
      #expect(try await stage.verify() == [])
    }
  }

  @Test("a copy that cannot be written is an alert until it can")
  func unwritableCopy() async throws {
    try await withAudit { stage in
      let folder = URL(fileURLWithPath: stage.path).deletingLastPathComponent()
      try Data().write(to: folder)
      try await stage.write(3, failing: { _ in false })
      let alerts = Alerts(database: stage.worker)
      await #expect(throws: (any Error).self) { try await stage.sealer().turn() }
      #expect(try await alerts.open().map(\.kind) == [AuditSealer.alert])
      try FileManager.default.removeItem(at: folder)
      try await stage.sealer().turn()
      #expect(try await alerts.open().isEmpty)
      #expect(try stage.file.seals().map(\.number) == [1])
    }
  }

  @Test("a copy that somebody keeps locked is an alert until they let go", .timeLimit(.minutes(3)))
  func lockedCopy() async throws {
    try await withAudit { stage in
      try await stage.write(3, failing: { _ in false })
      try await stage.sealer().sealAll()
      let holder = try #require(FileHandle(forReadingAtPath: stage.path))
      #expect(flock(holder.fileDescriptor, LOCK_EX) == 0)
      try await stage.write(3, failing: { _ in false })
      let alerts = Alerts(database: stage.worker)
      await #expect(throws: SealFile.Unusable.self) { try await stage.sealer().turn() }
      #expect(try await alerts.open().map(\.kind) == [AuditSealer.alert])
      #expect(try stage.file.seals().map(\.number) == [1])
      try holder.close()
      try await stage.sealer().turn()
      #expect(try await alerts.open().isEmpty)
      #expect(try stage.file.seals().map(\.number) == [1, 2])
    }
  }

  @Test("a copy that is not there has no seals yet; one that cannot be opened is an error")
  func unreadableCopy() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    #expect(try SealFile(path: path).lastNumber() == 0)
    // A link to itself: it cannot be opened even by root.
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(throws: SealFile.Unusable.self) { try SealFile(path: path).lastNumber() }
  }

  @Test(
    "rows that wait for longer than a minute since sealing fails are told, until they are sealed")
  func failing() async throws {
    try await withAudit { stage in
      let alerts = Alerts(database: stage.worker)
      try await stage.write(3, failing: { _ in false })
      try await stage.database.sql(
        "alter table organization.audit_seals add constraint none check (seal_number < 0) not valid"
      )
      await #expect(throws: PostgresError.self) { try await stage.sealer().turn() }
      #expect(try await alerts.open().isEmpty)
      try await stage.tamper("update audit_log set created_at = created_at - interval '61 seconds'")
      await #expect(throws: PostgresError.self) { try await stage.sealer().turn() }
      let alert = try #require(try await alerts.open().first)
      #expect(alert.kind == AuditSealer.unsealedAlert)
      #expect(alert.detail.contains("sealing fails") && alert.detail.contains("none"))
      try await stage.database.sql("alter table organization.audit_seals drop constraint none")
      try await stage.sealer().turn()
      #expect(try await alerts.open().isEmpty)
    }
  }

  @Test("neither the service nor its worker nor the schema's owner changes a row")
  func appendOnly() async throws {
    try await withAudit { stage in
      try await stage.write(3, failing: { _ in false })
      try await stage.sealer().sealAll()
      let changes = [
        "update audit_log set action = 'x' where audit_id = 1", "delete from audit_log",
        "truncate audit_log", "delete from audit_seals", "update audit_seals set key_id = 'x'",
      ]
      for role in ["organization", "organization_worker", "organization_migrate"] {
        for change in changes {
          let refused = await #expect(throws: PostgresError.self) {
            try await PlainConnection.withSession(stage.database.connection(role: role)) {
              if role == "organization_migrate" { try $0.run("set role organization_owner") }
              try $0.run("set search_path = organization")
              try $0.run(change)
            }
          }
          #expect(refused?.sqlState == "42501", "\(role): \(change)")
        }
      }
      let foreign = AuditEntry(
        "branch.create", on: "branch", UUID(), in: UUID(), by: .background("organization"))
      let refused = await #expect(throws: PostgresError.self) {
        try await stage.service.run(
          .organization(stage.organizations[0]), all: [Audit.append(foreign)])
      }
      #expect(refused?.sqlState == "42501")
    }
  }

  @Test("old rows go by whole seals, and only what is old enough may be missing")
  func retention() async throws {
    try await withAudit { stage in
      for _ in 0..<4 {
        try await stage.write(20)
        try await stage.sealer().sealAll()
      }
      let (rows, seals) = try await stage.read()
      #expect(seals.count == 4)
      let horizon = PostgresTimestamp(microseconds: seals[2].sealedAt).date
      let retention = AuditRetention(try stage.superuser())
      #expect(try await retention.expire(before: AuditRetention.horizon(at: .now)) == 0)
      let old = rows.filter { $0.auditID <= seals[1].lastID }.count
      #expect(try await retention.expire(before: horizon) == old)
      #expect(try await retention.expire(before: horizon) == 0)
      #expect(try await stage.verify(horizon: horizon) == [])
      #expect(try await stage.verify().map(\.place) == ["seal 1", "seal 2"])
      // The service goes on, and what is younger is missed, be it all that a seal has.
      try await stage.write(5)
      try await stage.sealer().sealAll()
      #expect(try await stage.verify(horizon: horizon) == [])
      try await stage.tamper("delete from audit_log where audit_id <= \(seals[2].lastID)")
      #expect(try await stage.verify(horizon: horizon).map(\.place) == ["seal 3"])
    }
  }
}
