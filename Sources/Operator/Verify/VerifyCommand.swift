import ArgumentParser
import Foundation
import ServiceStorage

/// `clientele verify`: says whether the audit log is whole, tenants are kept apart and the data
/// fits together.
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks the audit log, the isolation of tenants and simple invariants of the data.",
    discussion: "Ends with 1 when something is violated. What is only worth a look is a warning.")

  @OptionGroup var database: ServiceDatabase

  @Option(help: "Folder of the run, with keys/ and audit/.")
  var directory = ".run"

  @Option(help: "Folder with the public keys audit-<service>-*.pub. Default: keys/ of the run.")
  var keys: String?

  @Option(help: "Folder with the copies <service>.seals. Default: audit/ of the run, if there.")
  var copies: String?

  @OptionGroup var fields: FieldKeyFiles

  @Flag(help: "Print one JSON document instead of lines.")
  var json = false

  func run() async throws {
    let run = URL(fileURLWithPath: directory)
    var reports: [VerifyReport] = []
    for service in DevLayout.services {
      let check = ServiceCheck(
        service: service, database: database,
        keys: keys.map { URL(fileURLWithPath: $0) } ?? run.appending(path: "keys"),
        copies: copies.map { URL(fileURLWithPath: $0) } ?? Self.copies(of: run))
      var report = try await check.report(progress: Self.tell)
      if service == "client-directory" {
        try await report.checkFields(
          in: database, { try fields.files(directory: directory) }, progress: Self.tell)
      }
      if !json { report.lines.forEach { print($0) } }
      reports.append(report)
    }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      print(String(decoding: try encoder.encode(reports), as: UTF8.self))
    }
    if reports.contains(where: { !$0.violations.isEmpty }) { throw ExitCode(1) }
  }

  /// Where `make run` has services put their copies; nil where nothing was.
  private static func copies(of run: URL) -> URL? {
    let folder = run.appending(path: "audit")
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
  }

  private static func tell(_ line: String) {
    guard isatty(STDERR_FILENO) == 1 else { return }
    try? FileHandle.standardError.write(contentsOf: Data("\r\(line)\u{1B}[K".utf8))
  }
}

/// What was found of one service.
struct VerifyReport: Codable {
  let service: String
  var auditRows = 0
  var auditSeals = 0
  var unsealedRows: Int64 = 0
  var oldestUnsealedSeconds: Double?
  var violations: [AuditFinding] = []
  var warnings: [String] = []
  /// How many rows each invariant was checked on.
  var checked: [String: Int64] = [:]

  /// For people.
  var lines: [String] {
    let sum = "\(auditRows) audit rows in \(auditSeals) seals, \(unsealedRows) not sealed yet"
    let counts = checked.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    return ["\(violations.isEmpty ? "ok     " : "BROKEN ") \(service): \(sum)"]
      + (counts.isEmpty ? [] : ["        " + counts.joined(separator: ", ")])
      + violations.map { "  violated: \($0.place): \($0.what)" }
      + warnings.map { "  warning: \($0)" }
  }
}
