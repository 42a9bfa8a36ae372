import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Keeps programs running: one that ends is started again, at once the first time, then after
/// 0.1 s doubling up to 1 s while it keeps ending within five seconds.
actor Supervisor {
  private var running: [String: ChildProcess] = [:]
  /// Processes that take over when the one before them ends.
  private var heirs: [String: ChildProcess] = [:]
  private var programs: [SupervisedProgram] = []
  private var loops: [Task<Void, Never>] = []
  private var isStopping = false
  private let say: @Sendable (String) -> Void

  /// How long a new process may take until it can do its work.
  static let readyWithin = Duration.seconds(60)
  /// How long a process may take until it takes no more connections.
  static let closedWithin = Duration.seconds(5)
  /// How long a process may take to end what it has begun; it gives itself ten seconds.
  static let drainedWithin = Duration.seconds(15)

  /// A program that could not be replaced; the one before it goes on.
  struct NotReplaced: Error, CustomStringConvertible {
    let description: String
  }

  init(say: @escaping @Sendable (String) -> Void) {
    self.say = say
  }

  /// Starts a program and keeps it running until `stop()`.
  func start(_ program: SupervisedProgram) {
    programs.append(program)
    loops.append(Task { await keep(program) })
  }

  private func keep(_ program: SupervisedProgram) async {
    var pause = Duration.zero
    while !isStopping {
      let started = ContinuousClock.now
      let outcome: String
      do {
        let process = try heirs.removeValue(forKey: program.name) ?? ChildProcess(program)
        running[program.name] = process
        process.writeID()
        outcome = await process.end()
      } catch {
        outcome = "cannot be started: \(error)"
      }
      running[program.name] = nil
      if heirs[program.name] != nil { continue }
      try? FileManager.default.removeItem(at: program.pidFile)
      guard !isStopping else { return }
      let lived = started.duration(to: .now)
      pause = lived > .seconds(5) ? .zero : min(max(pause * 2, .milliseconds(100)), .seconds(1))
      say("\(program.name) \(outcome); starting it again (log: \(program.log.path))")
      try? await Task.sleep(for: pause)
    }
  }

  // MARK: Replacing

  /// Replaces the processes of a service one by one, so that calls under way end and none is
  /// refused: the new one does its work before the old one is told to stop.
  /// - Throws: `NotReplaced`.
  func roll(_ service: String) async throws {
    let wanted = programs.filter { $0.service == service }
    guard !wanted.isEmpty else { throw NotReplaced(description: "\(service) is no service") }
    for program in wanted where !isStopping { try await replace(program) }
  }

  private func replace(_ program: SupervisedProgram) async throws {
    guard let old = running[program.name] else { return }
    guard program.listener != nil else {
      // Two of them cannot listen: it ends, and its loop starts the next one at once.
      return try await restart(program, old)
    }
    let new = try ChildProcess(program, standsBy: true)
    let isReady = await Self.comesTrue(within: Self.readyWithin) { new.isReady || !new.isRunning }
    guard isReady, new.isRunning, !isStopping else {
      new.signal(SIGKILL)
      throw NotReplaced(
        description: "the new \(program.name) did not get ready (log: \(program.log.path))")
    }
    heirs[program.name] = new
    old.signal(SIGTERM)
    // Never two at one socket: whoever connects meanwhile waits a moment in the system's queue.
    if await !Self.comesTrue(within: Self.closedWithin, { !old.isReady || !old.isRunning }) {
      old.signal(SIGKILL)
    }
    new.signal(SIGUSR1)
    if await !Self.comesTrue(within: Self.drainedWithin, { !old.isRunning }) { old.signal(SIGKILL) }
    say("\(program.name) was replaced")
  }

  private func restart(_ program: SupervisedProgram, _ old: ChildProcess) async throws {
    old.signal(SIGTERM)
    if await !Self.comesTrue(within: Self.drainedWithin, { !old.isRunning }) { old.signal(SIGKILL) }
    let limit = ContinuousClock.now + Self.readyWithin
    while ContinuousClock.now < limit, !isStopping {
      if let new = running[program.name], new !== old, new.isReady {
        return say("\(program.name) was replaced")
      }
      try? await Task.sleep(for: .milliseconds(20))
    }
    throw NotReplaced(description: "\(program.name) is not ready again")
  }

  private static func comesTrue(
    within limit: Duration, _ isTrue: @Sendable () -> Bool
  ) async -> Bool {
    let end = ContinuousClock.now + limit
    while !isTrue() {
      guard ContinuousClock.now < end else { return false }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return true
  }

  // MARK: Stopping

  /// Ends all programs: SIGTERM, and SIGKILL for what is still there after the grace.
  func stop(grace: Duration = .seconds(15)) async {
    isStopping = true
    for process in running.values { process.signal(SIGTERM) }
    for process in heirs.values { process.signal(SIGKILL) }
    let limit = ContinuousClock.now + grace
    while !running.isEmpty, ContinuousClock.now < limit {
      try? await Task.sleep(for: .milliseconds(50))
    }
    for process in running.values { process.signal(SIGKILL) }
    for loop in loops { await loop.value }
  }

  /// The process of a pid file, if it lives, is not this one, and runs one of our programs.
  static func living(_ file: URL, programs: URL) -> pid_t? {
    guard let text = try? String(contentsOf: file, encoding: .utf8),
      let pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1,
      pid != ProcessInfo.processInfo.processIdentifier,
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe"),
      target.hasPrefix(programs.path)
    else { return nil }
    return pid
  }

  /// Ends programs that an earlier run, killed itself, left behind.
  static func endLeftovers(in folder: URL, programs: URL) {
    let files =
      (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil))
      ?? []
    for file in files where file.pathExtension == "pid" {
      defer { try? FileManager.default.removeItem(at: file) }
      guard let pid = living(file, programs: programs) else { continue }
      kill(pid, SIGTERM)
      for _ in 0..<200 where kill(pid, 0) == 0 { usleep(50_000) }
      kill(pid, SIGKILL)
    }
  }
}
