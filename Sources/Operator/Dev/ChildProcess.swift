import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A program that is to be kept running.
struct SupervisedProgram: Sendable {
  /// Its own name, such as `identity-2`.
  let name: String
  /// The service it is a process of, such as `identity`.
  let service: String
  let executable: URL
  let environment: [String: String]
  let log: URL
  let pidFile: URL
  /// The socket it takes connections from; nil when it listens by itself.
  let listener: ListeningSocket?

}

/// One run of a program.
final class ChildProcess: Sendable {
  private let program: SupervisedProgram
  private let process: Process
  private let ended: AsyncStream<Void>
  private let log: FileHandle
  /// There from when the process can do its work until it takes no more connections.
  private let readyFile: URL

  /// Starts it. The listening socket is its standard input, as inetd hands one over: that needs no
  /// other descriptor to get through an exec.
  ///
  /// - Parameter standsBy: it gets ready and waits for SIGUSR1 before it takes connections.
  init(_ program: SupervisedProgram, standsBy: Bool = false) throws {
    self.program = program
    readyFile = program.pidFile.deletingPathExtension()
      .appendingPathExtension("\(UUID().uuidString.prefix(8)).ready")
    let process = Process()
    process.executableURL = program.executable
    var environment = program.environment
    environment["CLIENTELE_READY_FILE"] = readyFile.path
    if standsBy { environment["CLIENTELE_STANDBY"] = "on" }
    if let listener = program.listener {
      environment["CLIENTELE_LISTEN_FD"] = "0"
      process.standardInput = FileHandle(
        fileDescriptor: listener.descriptor, closeOnDealloc: false)
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    process.environment = environment
    log = try Self.logHandle(program.log)
    process.standardOutput = log
    process.standardError = log
    let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
    self.ended = ended
    process.terminationHandler = { _ in continuation.finish() }
    try process.run()
    self.process = process
  }

  /// Notes its id where others look for it.
  func writeID() {
    try? Data("\(process.processIdentifier)\n".utf8).write(to: program.pidFile)
  }

  /// Whether it has not ended.
  var isRunning: Bool { process.isRunning }

  /// Whether it says that it can do its work and takes connections, or would.
  var isReady: Bool { FileManager.default.fileExists(atPath: readyFile.path) }

  /// Sends it a signal, if it is still there.
  func signal(_ number: CInt) {
    if process.isRunning { kill(process.processIdentifier, number) }
  }

  /// Waits for its end; answers how it ended. Once.
  func end() async -> String {
    for await _ in ended {}
    try? log.close()
    try? FileManager.default.removeItem(at: readyFile)
    return process.terminationReason == .uncaughtSignal
      ? "was killed by signal \(process.terminationStatus)"
      : "ended with code \(process.terminationStatus)"
  }

  private static func logHandle(_ url: URL) throws -> FileHandle {
    if !FileManager.default.fileExists(atPath: url.path) {
      try Data().write(to: url)
    }
    // Processes of two generations write to one log: each line goes to its end.
    let descriptor = open(url.path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw CocoaError(.fileWriteNoPermission) }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }
}
