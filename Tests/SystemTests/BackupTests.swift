import Foundation
import Postgres
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
      let row = try await site.sql(
        """
        select to_char(clock_timestamp() + interval '1 ms', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          pg_sleep(0.01)
        """)
      let moment = try #require(row.first?.first ?? nil)
      _ = try await site.sql("insert into ledger values (1001)")
      _ = try await site.sql("drop table ledger")
      let ended = try await site.sql("select pg_walfile_name(pg_switch_wal())")
      try await archived(try #require(ended.first?.first ?? nil), site)
      let restore = try await site.clientele(
        "restore", site.backups, "--into", site.restored, "--to", moment)
      #expect(restore.status == 0, "\(restore.output)")
      #expect(restore.output.contains("identity: "), "\(restore.output)")
      let line = try #require(
        restore.output.split(separator: "\n").first { $0.hasPrefix("running; superuser: ") })
      let superuser = String(line.dropFirst("running; superuser: ".count))
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

  /// Waits until the file of the log that was just ended has reached the archive.
  private func archived(_ file: String, _ site: Site) async throws {
    let path = site.backups + "/wal/\(file)"
    for _ in 0..<1200 where !FileManager.default.fileExists(atPath: path) {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(FileManager.default.fileExists(atPath: path))
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
