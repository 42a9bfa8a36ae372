import ArgumentParser
import Crypto
import Foundation
import Postgres

/// `clientele backup FOLDER`: a copy of the running cluster, checked.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copies the running cluster into a folder, and checks the copy.",
    discussion: """
      With the server's log archived into FOLDER/wal (docs/operations.md) any later moment can be \
      restored as well; without, only the backup's own end.
      """)

  @Argument(help: "Where to; one folder a cluster.")
  var folder: String

  @Option(
    help: """
      libpq connection string of a superuser, without dbname. Default: CLIENTELE_SUPERUSER, else the \
      cluster of `make run`.
      """)
  var superuser: String?

  @Option(help: "How many backups stay; older ones go, with the log that only they need.")
  var keep: Int?

  /// How long the server may take to archive a file of its log.
  private static let archiveWithin = Duration.seconds(60)

  func validate() throws {
    if let keep, keep < 1 { throw ValidationError("--keep is at least 1") }
  }

  func run() async throws {
    let superuser = try self.superuser ?? MigrateCommand.standard(URL(fileURLWithPath: "."))
    let target = BackupFolder(url: URL(fileURLWithPath: folder))
    try target.prepare()
    let server = try await Self.look(at: superuser)
    if let other = try target.backups().last, other.cluster != server.cluster {
      throw BackupFolder.Refused("\(folder) holds backups of another cluster")
    }
    try BackupFolder.demand(server.bytes, at: target.url)
    let manifest = try await copy(server, superuser, to: target)
    if !manifest.hasArchive {
      print("the server does not archive its log there: only this very moment can be restored")
    }
    print("\(manifest.name): \(manifest.bytes >> 20) MiB, checked")
    if let keep { try target.keep(keep) }
  }

  private struct Server {
    let version: String
    let cluster: String
    let bytes: Int
    let archives: Bool
    let migrations: [String: String]
  }

  private static func look(at superuser: String) async throws -> Server {
    let rows = try await PlainConnection.withSession("\(superuser) dbname=postgres") { session in
      try session.run(
        """
        select split_part(current_setting('server_version'), ' ', 1),
          (select system_identifier from pg_control_system()),
          (select sum(pg_database_size(oid)) from pg_database)::bigint,
          current_setting('archive_mode') <> 'off', pg_is_in_recovery()
        """)
    }
    guard let row = rows.first?.map({ $0 ?? "" }), row.count == 5 else {
      throw BackupFolder.Refused("the server does not say what it is")
    }
    guard row[4] == "f" else {
      throw BackupFolder.Refused("that server is a standby: back up the primary")
    }
    if try await Migrations.isCitus(superuser) {
      throw BackupFolder.Refused(
        """
        that is a Citus cluster, of which this would copy one node: docs/operations.md, Backups on \
        Citus, says how all of them are backed up and brought back to one moment
        """)
    }
    var migrations: [String: String] = [:]
    for service in DevLayout.services {
      let schema = Migrations.schema(service)
      let found = try? await PlainConnection.withSession("\(superuser) dbname=clientele") {
        try $0.run("select name from \(schema).schema_migrations order by version desc limit 1")
      }
      migrations[schema] = found?.first?.first ?? nil
    }
    return Server(
      version: row[0], cluster: row[1], bytes: Int(row[2]) ?? 0, archives: row[3] == "t",
      migrations: migrations)
  }

  private func copy(
    _ server: Server, _ superuser: String, to target: BackupFolder
  ) async throws -> BackupFolder.Manifest {
    let name = Date.now.formatted(
      Date.ISO8601FormatStyle(
        dateSeparator: .omitted, timeSeparator: .omitted, includingFractionalSeconds: true))
    let place = target.unfinished(name)
    defer { try? FileManager.default.removeItem(at: place) }
    try Shell.run(
      [
        BackupFolder.program("pg_basebackup"), "--dbname=\(superuser)", "--pgdata=\(place.path)",
        "--checkpoint=fast", "--wal-method=stream", "--manifest-checksums=SHA256", "--progress",
        "--label=clientele \(name)",
      ], in: target.url)
    try Shell.run([BackupFolder.program("pg_verifybackup"), place.path], in: target.url)
    let label = try String(contentsOf: place.appending(path: "backup_label"), encoding: .utf8)
    guard let log = label.firstMatch(of: /\(file ([0-9A-F]{24})\)/) else {
      throw BackupFolder.Refused("the backup does not say where its log begins")
    }
    let sums = try Data(contentsOf: place.appending(path: "backup_manifest"))
    let manifest = BackupFolder.Manifest(
      name: name, postgres: server.version, cluster: server.cluster, endedAt: .now,
      bytes: try BackupFolder.bytes(below: place), firstLog: String(log.output.1),
      hasArchive: try await archives(server, superuser, into: target),
      sha256: SHA256.hash(data: sums).map { String(Int($0) + 256, radix: 16).dropFirst() }.joined(),
      migrations: server.migrations)
    try target.write(manifest)
    return manifest
  }

  /// Whether what the server writes now arrives in the folder.
  private func archives(
    _ server: Server, _ superuser: String, into target: BackupFolder
  ) async throws -> Bool {
    guard server.archives else { return false }
    let rows = try await PlainConnection.withSession("\(superuser) dbname=postgres") { session in
      try session.run("select pg_walfile_name(pg_switch_wal())")
    }
    guard let file = rows.first?.first ?? nil else { return false }
    let end = ContinuousClock.now + Self.archiveWithin
    let path = target.wal.appending(path: file).path
    while !FileManager.default.fileExists(atPath: path) {
      guard ContinuousClock.now < end else {
        throw BackupFolder.Refused(
          "the server archives its log, and \(file) did not reach \(target.wal.path) in a minute")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    return true
  }
}
