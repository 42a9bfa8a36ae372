import Foundation

/// Runs one of the project's scripts and waits for it.
enum Shell {
  /// A script that ended badly.
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// Runs a command to its end, its words shown or thrown away; throws when it fails.
  static func run(_ command: [String], in folder: URL, quiet: Bool = false) throws {
    let process = prepared(command, folder)
    if quiet {
      // No pipe: a server that the command leaves running would keep it open.
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
    }
    try process.run()
    process.waitUntilExit()
    try check(process, command)
  }

  /// What a command prints; throws when it fails.
  static func output(of command: [String], in folder: URL) throws -> String {
    let process = prepared(command, folder)
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try check(process, command)
    return String(decoding: data, as: UTF8.self)
  }

  private static func prepared(_ command: [String], _ folder: URL) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    return process
  }

  private static func check(_ process: Process, _ command: [String]) throws {
    guard process.terminationStatus == 0 else {
      throw Failed(
        description: "\(command.joined(separator: " ")) ended with \(process.terminationStatus)")
    }
  }
}
