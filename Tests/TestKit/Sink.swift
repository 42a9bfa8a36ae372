public import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A server of its own process that keeps what it is sent, and misbehaves as told: one of the
/// `scripts/*-sink.py`.
public class Sink {
  /// Where it listens, on 127.0.0.1.
  public let port: Int
  /// Where it keeps what it took.
  public let folder: URL
  private let process: Process

  /// It did not say where it listens.
  public struct NotStarted: Error, CustomStringConvertible {
    /// What to do.
    public let description: String
  }

  /// - Parameters:
  ///   - program: such as `smtp-sink.py`.
  ///   - script: an answer for each thing sent, such as `["451", "ok"]`; `ok` once they are used up.
  init(program: String, _ script: [String]) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "sink-\(UUID().uuidString)")
    let python =
      ProcessInfo.processInfo.environment["CLIENTELE_PYTHON"]
      ?? Checkout.root.appending(path: ".venv/bin/python").path
    process = Process()
    process.executableURL = URL(filePath: python)
    process.arguments = [
      Checkout.root.appending(path: "scripts/\(program)").path, folder.path,
      script.joined(separator: ","),
    ]
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    var line = Data()
    while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) {
      line += byte
    }
    guard let port = Int(String(decoding: line, as: UTF8.self)) else {
      throw NotStarted(description: "\(python) did not start \(program); `make setup` makes it")
    }
    self.port = port
  }

  /// What it took, in order.
  var taken: [Data] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { !$0.hasPrefix(".") }
      .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
      .compactMap { FileManager.default.contents(atPath: folder.appending(path: $0).path) }
  }

  deinit {
    // Not SIGTERM: a process started from one of Swift's threads inherits that signal blocked.
    kill(process.processIdentifier, SIGKILL)
    try? FileManager.default.removeItem(at: folder)
  }
}
