import Crypto
import Foundation
import Logging
import Postgres
import ServiceStorage
import TestKit
import Testing

/// `clientele backup` and `clientele restore`, on a cluster of their own.
@Suite(.serialized, .timeLimit(.minutes(5))) struct BackupTests {
  /// A durable cluster whose log is archived, migrated, and where its backups go.
  private struct Site {
    let folder: URL
    let superuser: String

    var backups: String { folder.appending(path: "backups").path }
    var restored: String { folder.appending(path: "restored").path }

    func sql(_ text: String) async throws -> [[String?]] {
      try await Site.sql(text, superuser)
    }

    static func sql(_ text: String, _ superuser: String) async throws -> [[String?]] {
      try await PlainConnection.withSession("\(superuser) dbname=clientele") { try $0.run(text) }
    }

    func clientele(_ arguments: String...) async throws -> (status: Int32, output: String) {
      try await Program.run(try Stack.program("clientele").path, arguments)
    }

    /// A moment that is past all that was done and before all that will be, as `--to` wants it.
    func moment() async throws -> String {
      let row = try await sql(
        """
        select to_char(clock_timestamp() + interval '1 ms', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          pg_sleep(0.01)
        """)
      return try #require(row.first?.first ?? nil)
    }

    /// Has what was written up to now archived.
    func endLog() async throws {
      let ended = try await sql("select pg_walfile_name(pg_switch_wal())")
      let path = backups + "/wal/\(try #require(ended.first?.first ?? nil))"
      for _ in 0..<1200 where !FileManager.default.fileExists(atPath: path) {
        try await Task.sleep(for: .milliseconds(50))
      }
      #expect(FileManager.default.fileExists(atPath: path))
    }

    /// The superuser of the cluster that a restore says it made.
    static func superuser(_ output: String) throws -> String {
      let line = try #require(
        output.split(separator: "\n").first { $0.hasPrefix("running; superuser: ") })
      return String(line.dropFirst("running; superuser: ".count))
    }
  }

  private func withSite(archives: Bool, _ body: (Site) async throws -> Void) async throws {
    let folder = Checkout.root.appending(path: ".run/backup-\(UUID().uuidString.prefix(8))")
    let live = folder.appending(path: "live").path
    let options =
      archives ? ["--archive", folder.appending(path: "backups/wal").path] : []
    _ = try await Script.run("scripts/postgres.sh", ["start", live, "--durable"] + options)
    do {
      let host = try await Script.run("scripts/postgres.sh", ["host", live])
      let site = Site(
        folder: folder,
        superuser: "host=\(host.trimmingCharacters(in: .whitespacesAndNewlines)) user=postgres")
      try await body(site)
    } catch {
      try await Self.remove(folder)
      throw error
    }
    try await Self.remove(folder)
  }

  private static func remove(_ folder: URL) async throws {
    for name in ["live", "restored"] {
      _ = try await Script.run("scripts/postgres.sh", ["kill", folder.appending(path: name).path])
    }
    try FileManager.default.removeItem(at: folder)
  }

  @Test("a table dropped by mistake is back, with all that was acknowledged the moment before")
  func pointInTime() async throws {
    try await withSite(archives: true) { site in
      let migrated = try await site.clientele("migrate", "--superuser", site.superuser)
      #expect(migrated.status == 0, "\(migrated.output)")
      _ = try await site.sql("create table ledger (number int); insert into ledger values (1)")
      let backup = try await site.clientele(
        "backup", site.backups, "--superuser", site.superuser)
      #expect(backup.status == 0, "\(backup.output)")
      _ = try await site.sql("insert into ledger select generate_series(2, 1000)")
      let moment = try await site.moment()
      _ = try await site.sql("insert into ledger values (1001)")
      _ = try await site.sql("drop table ledger")
      try await site.endLog()
      let restore = try await site.clientele(
        "restore", site.backups, "--into", site.restored, "--to", moment)
      #expect(restore.status == 0, "\(restore.output)")
      #expect(restore.output.contains("identity: "), "\(restore.output)")
      let superuser = try Site.superuser(restore.output)
      let back = try await Site.sql("select count(*), max(number) from ledger", superuser)
      #expect(back == [["1000", "1000"]])
      // It takes writes, and the other one was left as it was.
      _ = try await Site.sql("insert into ledger values (2000)", superuser)
      await #expect(throws: PostgresError.self) { try await site.sql("table ledger") }
      let again = try await site.clientele("restore", site.backups, "--into", site.restored)
      #expect(again.status != 0)
      #expect(again.output.contains("exists: restore into a new folder"), "\(again.output)")
    }
  }

  /// The audit log of organization, with its keys and the copies of its seals.
  private struct Log {
    let site: Site
    let signer = AuditSigner(keyID: "audit-organization-1", key: .init())

    var keys: String { site.folder.appending(path: "keys").path }
    var copies: String { site.folder.appending(path: "copies").path }

    init(_ site: Site) throws {
      self.site = site
      try FileManager.default.createDirectory(atPath: keys, withIntermediateDirectories: true)
      let digits = signer.publicKey.rawRepresentation.map {
        String(Int($0) + 256, radix: 16).dropFirst()
      }
      try Data(digits.joined().utf8).write(to: URL(filePath: keys + "/audit-organization-1.pub"))
    }

    /// Three acts and their seal, which has a copy.
    func act() async throws {
      _ = try await site.sql(
        """
        insert into organization.audit_log
          (actor_service, acting_as, action, object_kind, object_id, detail)
        select 'gateway', 'STAFF', 'branch.create', 'branch', gen_random_uuid(), '{}'
        from generate_series(1, 3)
        """)
      let worker = Database(
        settings: DatabaseSettings(
          connection: site.superuser.replacing("user=postgres", with: "user=organization_worker")
            + " dbname=clientele"),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      try worker.start()
      let sealer = AuditSealer(
        service: "organization", worker: worker, signer: signer,
        copy: SealFile(path: copies + "/organization.seals"),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      let sealed = try await sealer.sealAll()
      await worker.close()
      #expect(sealed == 3)
    }

    func verify(_ superuser: String, copies: String) async throws -> (
      status: Int32, output: String
    ) {
      try await site.clientele(
        "verify", "--superuser", superuser, "--directory", site.folder.path, "--keys", keys,
        "--copies", copies)
    }
  }

  @Test("a restored audit log is held against the copies of its seals as they were at that moment")
  func restoredLog() async throws {
    try await withSite(archives: true) { site in
      let migrated = try await site.clientele("migrate", "--superuser", site.superuser)
      #expect(migrated.status == 0, "\(migrated.output)")
      let log = try Log(site)
      try await log.act()
      let backup = try await site.clientele("backup", site.backups, "--superuser", site.superuser)
      #expect(backup.status == 0, "\(backup.output)")
      try await log.act()
      let moment = try await site.moment()
      try await log.act()
      try await site.endLog()
      let restore = try await site.clientele(
        "restore", site.backups, "--into", site.restored, "--to", moment, "--copies", log.copies)
      #expect(restore.status == 0, "\(restore.output)")
      let (superuser, parts) = (try Site.superuser(restore.output), site.restored + "/audit")
      #expect(restore.output.contains("--copies \(parts)"), "\(restore.output)")

      // The copies of today tell of what the restored log has no more.
      let refused = try await log.verify(superuser, copies: log.copies)
      #expect(refused.status == 1)
      #expect(refused.output.contains("seals 3 to 3: are missing"), "\(refused.output)")
      #expect(refused.output.contains("clientele restore --copies"), "\(refused.output)")
      let whole = try await log.verify(superuser, copies: parts)
      #expect(whole.status == 0, "\(whole.output)")
      #expect(whole.output.contains("organization: 6 audit rows in 2 seals"), "\(whole.output)")
      // Of what was there then nothing passes that was changed since.
      _ = try await Site.sql(
        """
        set session_replication_role = replica;
        delete from organization.audit_seals where seal_number = 2;
        delete from organization.audit_log where audit_id > 3
        """, superuser)
      let cut = try await log.verify(superuser, copies: parts)
      #expect(cut.output.contains("seals 2 to 2: are missing"), "\(cut.output)")
      let live = try await log.verify(site.superuser, copies: log.copies)
      #expect(live.status == 0, "\(live.output)")
    }
  }

  @Test("what a killed backup left goes a day later, and what another one writes stays")
  func leftovers() async throws {
    try await withSite(archives: false) { site in
      func left(_ name: String, touched age: TimeInterval) throws {
        let folder = site.backups + "/base/\(name)"
        let (file, moment) = (folder + "/global/1", Date.now.addingTimeInterval(-age))
        try FileManager.default.createDirectory(
          atPath: folder + "/global", withIntermediateDirectories: true)
        try Data("half".utf8).write(to: URL(filePath: file))
        try FileManager.default.setAttributes([.modificationDate: moment], ofItemAtPath: file)
        for path in [folder + "/global", folder] {
          let old = Date.now.addingTimeInterval(-100 * 3600)
          try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
        }
      }
      try left(".killed", touched: 25 * 3600)
      try left(".at-work", touched: 23 * 3600)
      let backup = try await site.clientele("backup", site.backups, "--superuser", site.superuser)
      #expect(backup.status == 0, "\(backup.output)")
      #expect(backup.output.contains("removed .killed"), "\(backup.output)")
      let names = try FileManager.default.contentsOfDirectory(atPath: site.backups + "/base")
      #expect(names.filter { $0.hasPrefix(".") } == [".at-work"])
      #expect(names.count == 2)
    }
  }

  @Test("backups are kept by number, and what cannot be restored is refused in words")
  func refusals() async throws {
    try await withSite(archives: false) { site in
      func restore(_ arguments: String...) async throws -> String {
        let all = ["restore", site.backups, "--into", site.restored] + arguments
        let ended = try await Program.run(try Stack.program("clientele").path, all)
        #expect(ended.status != 0, "\(ended.output)")
        return ended.output
      }
      #expect(try await restore().contains("there is no backup in"))
      var names: [String] = []
      for _ in 0..<2 {
        let backup = try await site.clientele(
          "backup", site.backups, "--superuser", site.superuser, "--keep", "1")
        #expect(backup.status == 0, "\(backup.output)")
        #expect(backup.output.contains("only this very moment can be restored"))
        names = try FileManager.default.contentsOfDirectory(atPath: site.backups + "/base")
        #expect(names.count == 1)
      }
      let base = URL(filePath: site.backups).appending(path: "base/\(try #require(names.first))")
      #expect(try await restore("--to", "2020-01-01T00:00:00Z").contains("the oldest backup ended"))
      #expect(try await restore("--to", "2099-01-01T00:00:00Z").contains("no archived log"))
      #expect(try await restore("--to", "yesterday").contains("a moment such as"))
      let manifest = base.appending(path: "clientele.json")
      let text = try String(contentsOf: manifest, encoding: .utf8)
      try Data(text.replacing(/"postgres" : "15/, with: "\"postgres\" : \"9").utf8)
        .write(to: manifest)
      #expect(try await restore().contains("the backup is of PostgreSQL 9"))
      try Data(text.utf8).write(to: manifest)
      // One byte of one file.
      let control = base.appending(path: "global/pg_control")
      var bytes = try Data(contentsOf: control)
      bytes[100] ^= 1
      try bytes.write(to: control)
      #expect(try await restore().contains("checksum mismatch"))
      #expect(!FileManager.default.fileExists(atPath: site.restored))
    }
  }
}
