import ArgumentParser
import Crypto
import Foundation
import Postgres

/// `clientele restore FOLDER`: a new cluster from a backup, as it was at a moment.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Makes a new cluster from a backup, as it was at a moment, and starts it.")

  @Argument(help: "What `clientele backup` wrote.")
  var folder: String

  @Option(help: "The new cluster's folder; it must not exist.")
  var into: String

  @Option(help: "The moment, such as 2026-11-22T05:30:00Z. Default: all that was archived.")
  var to: String?

  @Option(help: "Folder of the checkout.")
  var root = "."

  /// How long the log may take to be read again.
  private static let readyWithin = Duration.seconds(3600)

  private func moment() throws -> Date? {
    guard let to else { return nil }
    for fractions in [true, false] {
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: fractions)
      if let moment = try? style.parse(to) { return moment }
    }
    throw ValidationError("--to is a moment such as 2026-11-22T05:30:00Z")
  }

  func validate() throws { _ = try moment() }

  func run() async throws {
    let source = BackupFolder(url: URL(fileURLWithPath: folder))
    let target = URL(fileURLWithPath: into)
    let checkout = URL(fileURLWithPath: root)
    let moment = try moment()
    guard !FileManager.default.fileExists(atPath: target.path) else {
      throw BackupFolder.Refused("\(target.path) exists: restore into a new folder")
    }
    let backup = try source.newest(before: moment)
    try check(backup, in: source, moment)
    try BackupFolder.demand(backup.bytes, at: target.deletingLastPathComponent())
    print("checking \(backup.name), \(backup.bytes >> 20) MiB")
    try Shell.run(
      [BackupFolder.program("pg_verifybackup"), "--ignore=clientele.json", base(backup, source)],
      in: checkout)
    print("copying it to \(target.path), and reading the log again")
    var command = ["scripts/postgres.sh", "restore", target.path, base(backup, source)]
    command += backup.hasArchive ? [source.wal.path] : ["-"]
    command += [moment.map { Self.words($0) } ?? "-"]
    try Shell.run(command, in: checkout)
    try await report(target, checkout)
  }

  private func base(_ backup: BackupFolder.Manifest, _ source: BackupFolder) -> String {
    source.folder(of: backup.name).path
  }

  private func check(
    _ backup: BackupFolder.Manifest, in source: BackupFolder, _ moment: Date?
  ) throws {
    let installed = try Shell.output(
      of: [BackupFolder.program("postgres"), "--version"], in: source.url)
    guard let version = installed.firstMatch(of: /([0-9]+)\.[0-9]+/),
      version.output.1 == Substring(backup.major)
    else {
      throw BackupFolder.Refused(
        "the backup is of PostgreSQL \(backup.postgres); here is \(installed)")
    }
    if moment != nil, !backup.hasArchive {
      throw BackupFolder.Refused(
        "\(backup.name) has no archived log: it can be restored without --to only")
    }
    let file = source.folder(of: backup.name).appending(path: "backup_manifest")
    let digest = SHA256.hash(data: try Data(contentsOf: file))
      .map { String(Int($0) + 256, radix: 16).dropFirst() }.joined()
    guard digest == backup.sha256 else {
      throw BackupFolder.Refused("\(backup.name) was changed: its list of files is another")
    }
  }

  /// A moment as PostgreSQL takes it in its settings, which know no time zones yet.
  private static func words(_ moment: Date) -> String {
    moment.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
      .replacing("T", with: " ").replacing("Z", with: "+00")
  }

  private func report(_ target: URL, _ checkout: URL) async throws {
    let socket = try DevLayout.socket(of: target, root: checkout)
    let superuser = Migrations.superuser(socket: socket)
    try await Self.waitUntilWritable(superuser)
    for service in DevLayout.services {
      let steps = try await Migrations.migrator(checkout, superuser, service).status()
      let applied = steps.filter { $0.state == .applied }.count
      print("\(service): \(applied) of \(steps.count) migrations applied")
    }
    print("running; superuser: \(superuser)")
    print("stop it with scripts/postgres.sh stop \(target.path)")
  }

  private static func waitUntilWritable(_ superuser: String) async throws {
    let end = ContinuousClock.now + readyWithin
    while ContinuousClock.now < end {
      let rows = try? await PlainConnection.withSession("\(superuser) dbname=postgres") {
        try $0.run("select pg_is_in_recovery()")
      }
      if rows?.first?.first == "f" { return }
      try await Task.sleep(for: .milliseconds(200))
    }
    throw BackupFolder.Refused("the server did not end its recovery")
  }
}
