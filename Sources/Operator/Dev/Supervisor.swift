import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A program that is to be kept running.
struct SupervisedProgram: Sendable {
  let name: String
  let executable: URL
  let environment: [String: String]
  let log: URL
  let pidFile: URL
}

/// Keeps programs running: one that ends is started again, at once the first time, then after
/// 0.1 s doubling up to 1 s while it keeps ending within five seconds.
actor Supervisor {
  private var running: [String: Process] = [:]
  private var loops: [Task<Void, Never>] = []
  private var isStopping = false
  private let say: @Sendable (String) -> Void

  init(say: @escaping @Sendable (String) -> Void) {
    self.say = say
  }

  /// Starts a program and keeps it running until `stop()`.
  func start(_ program: SupervisedProgram) {
    loops.append(Task { await keep(program) })
  }

  private func keep(_ program: SupervisedProgram) async {
    var pause = Duration.zero
    while !isStopping {
      let started = ContinuousClock.now
      let outcome: String
      do {
        outcome = try await once(program)
      } catch {
        outcome = "cannot be started: \(error)"
      }
      running[program.name] = nil
      try? FileManager.default.removeItem(at: program.pidFile)
      guard !isStopping else { return }
      let lived = started.duration(to: .now)
      pause = lived > .seconds(5) ? .zero : min(max(pause * 2, .milliseconds(100)), .seconds(1))
      say("\(program.name) \(outcome); starting it again (log: \(program.log.path))")
      try? await Task.sleep(for: pause)
    }
  }

  /// Runs the program once; answers how it ended.
  private func once(_ program: SupervisedProgram) async throws -> String {
    let process = Process()
    process.executableURL = program.executable
    process.environment = program.environment
    process.standardInput = FileHandle.nullDevice
    let log = try Self.logHandle(program.log)
    process.standardOutput = log
    process.standardError = log
    let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
    process.terminationHandler = { _ in continuation.finish() }
    try process.run()
    running[program.name] = process
    try? Data("\(process.processIdentifier)\n".utf8).write(to: program.pidFile)
    for await _ in ended {}
    try? log.close()
    return process.terminationReason == .uncaughtSignal
      ? "was killed by signal \(process.terminationStatus)"
      : "ended with code \(process.terminationStatus)"
  }

  private static func logHandle(_ url: URL) throws -> FileHandle {
    if !FileManager.default.fileExists(atPath: url.path) {
      try Data().write(to: url)
    }
    let handle = try FileHandle(forWritingTo: url)
    try handle.seekToEnd()
    return handle
  }

  /// Ends all programs: SIGTERM, and SIGKILL for what is still there after the grace.
  func stop(grace: Duration = .seconds(15)) async {
    isStopping = true
    for process in running.values { kill(process.processIdentifier, SIGTERM) }
    let limit = ContinuousClock.now + grace
    while !running.isEmpty, ContinuousClock.now < limit {
      try? await Task.sleep(for: .milliseconds(50))
    }
    for process in running.values { kill(process.processIdentifier, SIGKILL) }
    for loop in loops { await loop.value }
  }

  /// Ends programs that an earlier run, killed itself, left behind. A process counts as ours when its
  /// id is in a pid file and it runs one of our programs.
  static func endLeftovers(in folder: URL, programs: URL) {
    let files =
      (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil))
      ?? []
    for file in files where file.pathExtension == "pid" {
      defer { try? FileManager.default.removeItem(at: file) }
      guard let text = try? String(contentsOf: file, encoding: .utf8),
        let pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1,
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe"),
        target.hasPrefix(programs.path)
      else { continue }
      kill(pid, SIGTERM)
      for _ in 0..<200 where kill(pid, 0) == 0 { usleep(50_000) }
      kill(pid, SIGKILL)
    }
  }
}
