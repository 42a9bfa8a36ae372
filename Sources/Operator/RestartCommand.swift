import ArgumentParser
import Foundation

/// `clientele restart`: replaces the processes of a running `clientele dev`, without refusing a call.
struct RestartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart",
    abstract: "Replaces the processes of a run one by one; calls go on meanwhile.",
    discussion: """
      The new process does its work before the old one is told to stop, and the old one ends what it
      has begun. The gateway alone is away for a moment, since it listens by itself.
      """)

  @Argument(help: "Which services; all of them when none is named.")
  var services: [String] = []

  @Option(help: "The directory of the run.")
  var directory = ".run"

  func run() async throws {
    let known = DevLayout.services + ["gateway"]
    if let unknown = services.first(where: { !known.contains($0) }) {
      throw ValidationError("\(unknown) is none of \(known.joined(separator: ", "))")
    }
    let root = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    let run = URL(fileURLWithPath: directory, relativeTo: root).absoluteURL.standardizedFileURL
    let file = run.appending(path: DevLayout.ownPIDFile)
    guard let text = try? String(contentsOf: file, encoding: .utf8),
      let id = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), id > 1
    else {
      print("nothing runs in \(directory): `make run` starts it")
      throw ExitCode.failure
    }
    let wanted = services.isEmpty ? known : services
    let failures = try await RestartRequests(directory: run)
      .ask(wanted, of: id, within: .seconds(300))
    for failure in failures { print(failure) }
    if !failures.isEmpty { throw ExitCode.failure }
    print("restarted: \(wanted.joined(separator: ", "))")
  }
}
