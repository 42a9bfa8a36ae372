import Foundation
import Postgres

/// A folder of backups: `base/<moment>` with what pg_basebackup copied and what it holds in
/// `clientele.json`, and `wal` with what the server archived since.
struct BackupFolder {
  let url: URL

  /// What one base backup holds, as `clientele.json` tells.
  struct Manifest: Codable {
    /// The folder's name: when it was begun, UTC.
    var name: String
    /// Such as `15.20`.
    var postgres: String
    /// Which cluster it is of; one cluster, one folder.
    var cluster: String
    var endedAt: Date
    var bytes: Int
    /// The first file of the log that a restore needs.
    var firstLog: String
    /// Whether the server archived its log into this folder, so that later moments can be restored.
    var hasArchive: Bool
    /// SHA-256 of `backup_manifest`, which has those of all other files.
    var sha256: String
    /// The newest migration of each schema.
    var migrations: [String: String]

    var major: String { postgres.split(separator: ".").first.map(String.init) ?? postgres }
  }

  /// A reason not to go on, in words for a person.
  struct Refused: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  var wal: URL { url.appending(path: "wal") }
  private var base: URL { url.appending(path: "base") }
  func folder(of name: String) -> URL { base.appending(path: name) }
  /// Where a backup is until it is whole.
  func unfinished(_ name: String) -> URL { base.appending(path: ".\(name)") }

  /// How long nothing in the copy of a backup has changed, in seconds, when it counts as killed.
  private static let abandonedAfter: TimeInterval = 24 * 3600

  /// Makes the folder, closed to others, and removes what backups left behind that were killed.
  func prepare() throws {
    try FileManager.default.createDirectory(
      at: base, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    for name in try FileManager.default.contentsOfDirectory(atPath: base.path).sorted()
    where name.hasPrefix(".") {
      let place = base.appending(path: name)
      guard try Self.lastChange(below: place) < .now - Self.abandonedAfter else { continue }
      try FileManager.default.removeItem(at: place)
      print("removed \(name), which was never whole")
    }
  }

  /// When a file or the folder itself was last changed; a copy of days writes all the while.
  private static func lastChange(below folder: URL) throws -> Date {
    let key = URLResourceKey.contentModificationDateKey
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: [key])
    let dates = ([folder] + (files?.allObjects ?? []).compactMap { $0 as? URL }).compactMap {
      // What is gone meanwhile is another process's.
      (try? $0.resourceValues(forKeys: [key]))?.contentModificationDate
    }
    return dates.max() ?? .now
  }

  /// The whole backups, oldest first.
  func backups() throws -> [Manifest] {
    guard FileManager.default.fileExists(atPath: base.path) else { return [] }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return try FileManager.default.contentsOfDirectory(atPath: base.path).sorted()
      .filter { !$0.hasPrefix(".") }
      .map { name in
        let file = folder(of: name).appending(path: "clientele.json")
        return try decoder.decode(Manifest.self, from: Data(contentsOf: file))
      }
  }

  func write(_ manifest: Manifest) throws {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let file = unfinished(manifest.name).appending(path: "clientele.json")
    try encoder.encode(manifest).write(to: file)
    try FileManager.default.moveItem(
      at: unfinished(manifest.name), to: folder(of: manifest.name))
  }

  /// The newest backup that had ended at a moment.
  func newest(before moment: Date?) throws -> Manifest {
    let all = try backups()
    guard !all.isEmpty else { throw Refused("there is no backup in \(url.path)") }
    let fitting = all.last { manifest in moment.map { manifest.endedAt <= $0 } ?? true }
    guard let fitting else {
      throw Refused("the oldest backup ended at \(all[0].endedAt.formatted(.iso8601)), after that")
    }
    return fitting
  }

  /// Removes all but the newest backups, and the log that only these needed.
  func keep(_ count: Int) throws {
    let all = try backups()
    guard all.count > count, let oldest = all.suffix(count).first else { return }
    for manifest in all.dropLast(count) {
      try FileManager.default.removeItem(at: folder(of: manifest.name))
      print("removed \(manifest.name)")
    }
    if FileManager.default.fileExists(atPath: wal.path) {
      let program = Self.program("pg_archivecleanup")
      try Shell.run([program, wal.path, oldest.firstLog], in: url)
    }
  }

  /// Bytes of all files below a folder.
  static func bytes(below folder: URL) throws -> Int {
    let files = FileManager.default.enumerator(
      at: folder, includingPropertiesForKeys: [.fileSizeKey])
    return try (files?.allObjects ?? []).compactMap { $0 as? URL }.reduce(0) { sum, file in
      sum + (try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0)
    }
  }

  /// Refuses when a file system has not the room, and a tenth more.
  static func demand(_ bytes: Int, at folder: URL) throws {
    let values = try FileManager.default.attributesOfFileSystem(forPath: folder.path)
    let free = (values[.systemFreeSize] as? NSNumber)?.intValue ?? 0
    guard free >= bytes + bytes / 10 else {
      throw Refused(
        "\(folder.path) has \(free >> 20) MiB free; \((bytes + bytes / 10) >> 20) MiB are needed")
    }
  }

  /// A program of the newest PostgreSQL installed, else by its name alone.
  static func program(_ name: String) -> String {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let newest = versions.compactMap(Int.init).max()
    return newest.map { "\(root)/\($0)/bin/\(name)" } ?? name
  }
}
