import ArgumentParser
import Crypto
import Foundation
import Postgres
import ServiceStorage

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

  @Option(
    help: """
      Folder with the copies <service>.seals of audit seals: what of them the new cluster has is put \
      beside it, for `clientele verify`. Default: .run/audit, if there.
      """)
  var copies: String?

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
    try await tellOfCopies(target, checkout, superuser)
    print("running; superuser: \(superuser)")
    print("stop it with scripts/postgres.sh stop \(target.path)")
  }

  /// The copies of seals go further than a database of an earlier moment, and `verify` takes that for
  /// a log cut short.
  private func tellOfCopies(_ target: URL, _ checkout: URL, _ superuser: String) async throws {
    let source = URL(fileURLWithPath: copies ?? checkout.appending(path: ".run/audit").path)
    let parts = target.appending(path: "audit")
    var count = 0
    for service in DevLayout.services {
      let path = source.appending(path: "\(service).seals").path
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let schema = Migrations.schema(service)
      let found = try await PlainConnection.withSession("\(superuser) dbname=clientele") {
        try $0.run("select coalesce(max(seal_number), 0) from \(schema).audit_seals")
      }
      guard let last = found.first?.first.flatMap({ $0 }).flatMap(Int64.init) else { continue }
      let written = try SealFile(path: path).copy(
        upTo: last, to: parts.appending(path: "\(service).seals").path)
      count += 1
      print("\(service): \(last) seals; of their copies \(written) put aside for it")
    }
    guard count > 0 else {
      print(
        """
        no copies of audit seals at \(source.path): those there are elsewhere go further than this \
        database; restore again with --copies, or see Backups in docs/operations.md
        """)
      return
    }
    print(
      """
      check it with clientele verify --superuser '\(superuser)' --copies \(parts.path)
      before services use it: move the older copies out of the way, keep them, and put these in their \
      place
      """)
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
