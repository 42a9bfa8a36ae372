import Foundation
import TestKit

/// Runs a program and collects what it says.
enum Program {
  /// Runs a program from the top of the checkout to its end.
  static func run(
    _ program: String, _ arguments: [String]
  ) async throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = Checkout.root
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    // Read on a thread of its own: the answers may be longer than a pipe holds.
    let output = await Task {
      String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }.value
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }
}
