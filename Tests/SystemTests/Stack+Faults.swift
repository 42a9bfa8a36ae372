import Foundation
import TestKit

#if canImport(Glibc)
  import Glibc
#endif

extension Stack {
  /// The ids of the processes that are kept running, by their names.
  nonisolated func processes() throws -> [String: Int32] {
    let folder = directory.appending(path: "pids")
    var ids: [String: Int32] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where file.hasSuffix(".pid") {
      // It may be gone again: its process is being replaced.
      guard let text = try? String(contentsOf: folder.appending(path: file), encoding: .utf8),
        let id = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)), id > 1
      else { continue }
      ids[String(file.dropLast(4))] = id
    }
    return ids
  }

  /// Whether a process says that it can do its work.
  nonisolated func isReady(_ process: String) -> Bool {
    let names =
      (try? FileManager.default.contentsOfDirectory(
        atPath: directory.appending(path: "pids").path)) ?? []
    return names.contains { $0.hasPrefix("\(process).") && $0.hasSuffix(".ready") }
  }

  /// A process that was killed, and its successor.
  struct Kill: Sendable {
    /// Such as `identity-2`.
    let process: String
    /// When it was killed.
    let start: ContinuousClock.Instant
    /// When its successor was seen to be ready.
    let end: ContinuousClock.Instant
    /// From the successor's exec until it said that it serves.
    let readyAfterExec: Duration
  }

  /// kill -9, and what became of it once its successor can do its work.
  @discardableResult
  nonisolated func crash(
    process name: String, with signal: Int32 = SIGKILL, within limit: Duration
  ) async throws -> Kill {
    guard let old = try processes()[name] else {
      throw Failure(description: "\(name) does not run")
    }
    let start = ContinuousClock.now
    Glibc.kill(old, signal)
    let new = try await successor(of: old, name, within: limit)
    return Kill(
      process: name, start: start, end: .now, readyAfterExec: try readyAfterExec(name, new))
  }

  /// Waits until another process than the old one can do the work; answers its id.
  nonisolated func successor(
    of old: Int32, _ name: String, within limit: Duration
  ) async throws -> Int32 {
    var new: Int32?
    try await wait("\(name) is back", within: limit) {
      new = try processes()[name]
      return new != nil && new != old && Glibc.kill(old, 0) != 0 && isReady(name)
    }
    return new ?? old
  }

  /// How long a process took from its exec until its file said that it serves. Neither moment is
  /// taken here, where turns come late: the kernel keeps both.
  private nonisolated func readyAfterExec(_ name: String, _ id: Int32) throws -> Duration {
    let stat = try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
    // Behind the name, which may hold anything: the state is the third field, the start the 22nd.
    let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
    guard fields.count > 20, let ticks = Int(fields[20]) else {
      throw Failure(description: "/proc/\(id)/stat says \(stat)")
    }
    let sinceBoot = Moment.now(CLOCK_BOOTTIME) - .seconds(ticks) / sysconf(Int32(_SC_CLK_TCK))
    let folder = directory.appending(path: "pids")
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where file.hasPrefix("\(name).") && file.hasSuffix(".ready") {
      let path = folder.appending(path: file).path
      guard let text = try? String(contentsOfFile: path, encoding: .utf8),
        Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)) == id
      else { continue }
      return sinceBoot - (try Moment.sinceChange(of: path))
    }
    throw Failure(description: "\(name) is ready no more")
  }

  // MARK: PostgreSQL

  private nonisolated var cluster: URL { directory.appending(path: "postgres") }

  /// The processes of the stack's PostgreSQL, the postmaster among them.
  nonisolated func databaseProcesses() -> [Int32] {
    let data = cluster.appending(path: "data").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(Int32.init).filter { id in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd")) == data
    }
  }

  /// The process that all others of PostgreSQL are children of.
  nonisolated func postmaster() throws -> Int32 {
    let text = try String(
      contentsOf: cluster.appending(path: "data/postmaster.pid"), encoding: .utf8)
    guard let id = text.split(separator: "\n").first.flatMap({ Int32($0) }), id > 1 else {
      throw Failure(description: "PostgreSQL does not run")
    }
    return id
  }

  /// When PostgreSQL last began to take connections: it notes that in its file, after crashes of
  /// its backends too.
  nonisolated func accepting() throws -> ContinuousClock.Instant {
    .now - (try Moment.sinceChange(of: cluster.appending(path: "data/postmaster.pid").path))
  }

  /// Kills the postmaster, waits until the backends it left have ended, and starts it again.
  nonisolated func crashDatabase() async throws {
    Glibc.kill(try postmaster(), SIGKILL)
    try await wait("PostgreSQL's orphans have ended", within: .seconds(60)) {
      databaseProcesses().isEmpty
    }
    // Where nobody collects the dead, as in a container, PostgreSQL takes its own id for running.
    let host = try await Script.run("scripts/postgres.sh", ["host", cluster.path])
    let socket = host.trimmingCharacters(in: .whitespacesAndNewlines)
    for path in [
      cluster.appending(path: "data/postmaster.pid").path, "\(socket)/.s.PGSQL.5432.lock",
    ] {
      try FileManager.default.removeItem(atPath: path)
    }
    _ = try await Script.run("scripts/postgres.sh", ["start", cluster.path, "--durable"])
  }

  /// Kills a backend that serves one of the services, one at work if there is one; PostgreSQL then
  /// ends all others and recovers.
  nonisolated func crashBackend() async throws {
    let rows = try await sql(
      """
      select pid from pg_stat_activity
      where backend_type = 'client backend' and usename <> 'postgres'
      order by state = 'active' desc, random() limit 1
      """)
    guard let id = rows.first.flatMap({ Int32($0) }), id > 1, databaseProcesses().contains(id)
    else { throw Failure(description: "no service is connected to PostgreSQL") }
    let start = ContinuousClock.now
    Glibc.kill(id, SIGKILL)
    // The postmaster answers as ever until it has noticed.
    try await wait("PostgreSQL answers again", within: .seconds(60)) {
      guard try accepting() > start else { return false }
      return (try? await sql("select 1")) == ["1"]
    }
  }

  /// Stops PostgreSQL in its tracks for as long as the body runs.
  nonisolated func withStoppedDatabase<Result>(
    _ body: () async throws -> Result
  ) async throws -> Result {
    let stopped = databaseProcesses()
    guard !stopped.isEmpty else { throw Failure(description: "PostgreSQL does not run") }
    for id in stopped { Glibc.kill(id, SIGSTOP) }
    defer { for id in stopped { Glibc.kill(id, SIGCONT) } }
    return try await body()
  }
}

/// Moments of the system's clocks.
private enum Moment {
  static func now(_ clock: clockid_t) -> Duration {
    var time = timespec()
    clock_gettime(clock, &time)
    return Duration(time)
  }

  /// How long ago a file was last written to.
  static func sinceChange(of path: String) throws -> Duration {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw Stack.Failure(description: "\(path): \(String(cString: strerror(errno)))")
    }
    return now(CLOCK_REALTIME) - Duration(status.st_mtim)
  }
}

extension Duration {
  fileprivate init(_ time: timespec) { self = .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec) }
}
