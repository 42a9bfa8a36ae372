import Foundation

/// Runs one of the project's scripts and waits for it.
enum Shell {
  /// A script that ended badly.
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// Runs a command with its output shown, or collected when `quiet`; throws when it fails.
  @discardableResult
  static func run(_ command: [String], in folder: URL, quiet: Bool = false) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    if quiet { process.standardError = FileHandle.nullDevice }
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: data, as: UTF8.self)
    if !quiet, !text.isEmpty { print(text, terminator: "") }
    guard process.terminationStatus == 0 else {
      throw Failed(
        description: "\(command.joined(separator: " ")) ended with \(process.terminationStatus)")
    }
    return text
  }
}
