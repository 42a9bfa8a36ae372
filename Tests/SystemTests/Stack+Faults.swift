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

  /// kill -9, and the time until its successor can do its work.
  nonisolated func crash(process name: String, within limit: Duration) async throws -> Duration {
    guard let old = try processes()[name] else {
      throw Failure(description: "\(name) does not run")
    }
    let start = ContinuousClock.now
    Glibc.kill(old, SIGKILL)
    try await successor(of: old, name, within: limit)
    return start.duration(to: .now)
  }

  /// Waits until another process than the old one can do the work.
  nonisolated func successor(of old: Int32, _ name: String, within limit: Duration) async throws {
    try await wait("\(name) is back", within: limit) {
      let new = try processes()[name]
      return new != nil && new != old && Glibc.kill(old, 0) != 0 && isReady(name)
    }
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
    Glibc.kill(id, SIGKILL)
    try await wait("PostgreSQL answers again", within: .seconds(60)) {
      (try? await sql("select 1")) == ["1"]
    }
  }

  /// Stops PostgreSQL in its tracks for as long as the body runs.
  nonisolated func withStoppedDatabase(_ body: () async throws -> Void) async throws {
    let stopped = databaseProcesses()
    guard !stopped.isEmpty else { throw Failure(description: "PostgreSQL does not run") }
    for id in stopped { Glibc.kill(id, SIGSTOP) }
    defer { for id in stopped { Glibc.kill(id, SIGCONT) } }
    try await body()
  }
}
