import Foundation
import TestKit

/// A program of ours or of others: run to its end, or started as a server.
struct Peer {
  /// Why a program could not be used.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let process: Process
  private let input: Pipe
  /// What it said until it listened.
  let greeting: [String]

  /// The folder of what the tests leave behind, below the checkout.
  static let folder = Checkout.root.appending(path: ".run/conformance")

  /// A script of this folder, for the Python that `scripts/setup.sh test` makes.
  static func script(_ name: String) -> (program: String, arguments: [String]) {
    let named = ProcessInfo.processInfo.environment["CLIENTELE_PYTHON"]
    return (
      named ?? Checkout.root.appending(path: ".venv/bin/python").path,
      [Checkout.root.appending(path: "Tests/ConformanceTests/\(name)").path]
    )
  }

  /// A program of this package, from where the tests were built.
  static func program(_ name: String) throws -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let folders = [
      URL(filePath: own).deletingLastPathComponent(), Checkout.root.appending(path: ".build/debug"),
    ]
    for folder in folders {
      let path = folder.appending(path: name).path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw Failure(description: "\(name) is not built")
  }

  /// Runs a program to its end. Returns what it said, line by line.
  static func run(_ program: String, _ arguments: [String]) async throws -> [String] {
    let process = make(program, arguments)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let said = await aside {
      let said = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return said
    }
    return said.split(separator: "\n").map(String.init)
  }

  /// Starts a server; returns once it says where it listens.
  static func serve(_ program: String, _ arguments: [String]) async throws -> Peer {
    let process = make(program, arguments)
    let input = Pipe()
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let greeting = await aside {
      var said = Data()
      while true {
        let part = output.fileHandleForReading.availableData
        said.append(part)
        let text = String(decoding: said, as: UTF8.self)
        if part.isEmpty || text.contains("listening on ") && text.hasSuffix("\n") {
          return text.split(separator: "\n").map(String.init)
        }
      }
    }
    let peer = Peer(process: process, input: input, greeting: greeting)
    guard peer.word(after: "listening on") != nil else {
      peer.stop()
      throw Failure(description: "\(program) does not listen: \(greeting)")
    }
    return peer
  }

  /// Waits on a thread of its own, so that tasks keep theirs.
  private static func aside<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
  ) async -> Value {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: body()) }
    }
  }

  private static func make(_ program: String, _ arguments: [String]) -> Process {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = Checkout.root
    return process
  }

  /// What the greeting has after these words on one line.
  func word(after words: String) -> String? {
    greeting.first { $0.hasPrefix(words + " ") }.map { String($0.dropFirst(words.count + 1)) }
  }

  /// Where it listens: `host:port`.
  var address: String { word(after: "listening on") ?? "" }

  /// File descriptors that it has open.
  var descriptors: Int {
    let folder = "/proc/\(process.processIdentifier)/fd"
    return (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0
  }

  /// True while none of its threads runs or could.
  var isAsleep: Bool {
    let folder = "/proc/\(process.processIdentifier)/task"
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return threads.allSatisfy { thread in
      let stat = try? String(contentsOfFile: "\(folder)/\(thread)/stat", encoding: .utf8)
      let state = stat?.split(separator: ")").last?.split(separator: " ").first
      return state == "S"
    }
  }

  /// Ends it, by the end of its input or, if that says nothing to it, by a signal.
  func stop() {
    try? input.fileHandleForWriting.close()
    process.terminate()
    process.waitUntilExit()
  }
}
