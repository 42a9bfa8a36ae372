import Foundation
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import ServiceStorage

#if canImport(Glibc)
  import Glibc
#endif

/// Many jobs, several worker processes, and processes that are killed with jobs in hand (R13).
@Suite(.timeLimit(.minutes(30))) struct JobTortureTests {
  private static let kind = JobKind<Int>(
    "count",
    in: JobRig.queue("torture") {
      $0.concurrency = 16
      $0.timeLimit = .seconds(10)
      // A lease that ends since the machine is slow counts as a death, of which a job has three.
      $0.lease = .seconds(2).patient
    })

  private static let jobs = Setting.count("CLIENTELE_JOBS", 1_000)
  private static let deaths = Setting.count("CLIENTELE_JOB_KILLS", 5)
  private static let workers = 4

  @Test("each effect happens once, whoever dies, and no job is left behind")
  func kills() async throws {
    let jobs = Self.jobs
    try await JobRig.with { rig in
      try await rig.countTakeovers()
      var lives: [Life] = []
      do {
        for _ in 0..<Self.workers { lives.append(try Life(rig.database)) }
        for life in lives { try await life.start() }
        try await rig.service.run(
          .organization(JobRig.organization),
          all: try (0..<jobs).map {
            AnyQuery(
              try Jobs.enqueue(
                Self.kind, id: UUIDv7.make(), organization: JobRig.organization, $0))
          })
        let kills = try await Self.disturb(rig, &lives)
        try await JobRig.wait { try await rig.database.count("jobs") == 0 }
        for life in lives { try await life.die() }
        try await Self.check(rig, kills)
      } catch {
        for life in lives { life.end() }
        throw error
      }
    }
  }

  /// Deaths by turns, spread over the jobs.
  /// - Returns: how many were kills of processes.
  private static func disturb(_ rig: JobRig, _ lives: inout [Life]) async throws -> Int {
    var kills = 0
    for death in 1...deaths {
      try await JobRig.wait {
        try await rig.database.count("effects") >= death * jobs / (deaths + 3)
      }
      switch death % 3 {
      case 0:
        // The connections of all: what they were about to say is in doubt.
        try await rig.database.sql(
          """
          select pg_terminate_backend(pid) from pg_stat_activity
          where usename = 'organization_worker' and datname = current_database()
          """)
      case 1:
        // A process: nobody says anything of what it had in hand.
        kills += 1
        try await lives[death % workers].die()
        lives[death % workers] = try Life(rig.database)
      default:
        // Leases that end while the worker is at it.
        try await rig.database.sql(
          "update organization.jobs set run_at = now() where lease_until is not null")
      }
    }
    return kills
  }

  private static func check(_ rig: JobRig, _ kills: Int) async throws {
    let twice = "select count(*) from (select from organization.effects group by job_id) as d"
    let done = Int(try await rig.one(twice)) ?? 0
    let effects = try await rig.database.count("effects")
    let dead = try await rig.database.count("dead_jobs")
    let takeovers = try await rig.database.count("takeovers")
    Report.say(
      "jobs, \(deaths) deaths (\(kills) kill -9 of a worker's process): \(jobs) acknowledged, "
        + "\(jobs - done) lost, \(effects - done) doubled, \(dead) given up; \(takeovers) taken "
        + "over from a worker that had them in hand")
    #expect(effects == jobs)
    #expect(done == jobs)
    #expect(dead == 0)
    // Or nothing was tested.
    #expect(takeovers > 0)
  }

  /// What a worker's process does until it is killed, or those who started it are gone.
  @Test("a process of the test above", .enabled(if: Life.isOne, "only where that starts it"))
  func worker() async throws {
    let parent = getppid()
    let (connection, file) = try Life.task()
    let pool = Database(
      settings: try TestDatabase.settings(connection: connection), logger: JobRig.quiet)
    try pool.start()
    let office = JobOffice(
      worker: pool, schema: "organization", logger: JobRig.quiet, clock: .system,
      handlers: [
        JobHandler(Self.kind) { job in
          // Long enough to be in hand when the worker dies.
          try await Task.sleep(for: .milliseconds(Int.random(in: 1...30)))
          return .done([AnyQuery(JobRig.effect(job.id))])
        }
      ], schedules: [])
    try Data().write(to: URL(filePath: file))
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await office.run() }
      while getppid() == parent { try? await Task.sleep(for: .milliseconds(100)) }
      group.cancelAll()
    }
    await pool.close()
  }
}

/// A worker in a process of its own: this program once more, told to run `worker` alone. An exit test
/// would not do, for each holds one of the few threads that all tests share.
private struct Life {
  private static let connectionName = "CLIENTELE_TEST_WORKER_DATABASE"
  private static let fileName = "CLIENTELE_TEST_WORKER_FILE"

  private let file: URL
  private let process = Process()

  init(_ database: TestDatabase) throws {
    file = FileManager.default.temporaryDirectory.appending(path: "worker-\(UUID())")
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(filePath: own)
    process.arguments = [
      "--testing-library", "swift-testing", "--filter",
      "^ServiceStorageTests\\.JobTortureTests/worker",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging([
      Self.connectionName: database.connection(role: "organization_worker"),
      Self.fileName: file.path,
    ]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  /// Whether this process is one.
  static var isOne: Bool { ProcessInfo.processInfo.environment[connectionName] != nil }

  /// The database to work on, and the file that says that it does.
  static func task() throws -> (connection: String, file: String) {
    let environment = ProcessInfo.processInfo.environment
    return (try #require(environment[connectionName]), try #require(environment[fileName]))
  }

  /// Waits until it works.
  func start() async throws {
    try await JobRig.wait {
      try #require(process.isRunning, "a worker's process has ended")
      return FileManager.default.fileExists(atPath: file.path)
    }
  }

  /// kill -9, in the midst of its work.
  func die() async throws {
    try await start()
    kill(process.processIdentifier, SIGKILL)
    try await JobRig.wait { !process.isRunning }
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL)
    try FileManager.default.removeItem(at: file)
  }

  /// Whatever it does, if it does anything.
  func end() { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
}

extension JobRig {
  /// Has the database count, in `takeovers`, jobs whose lease ended in a worker's hands.
  fileprivate func countTakeovers() async throws {
    try await database.sql(
      """
      create table organization.takeovers (job_id uuid not null);
      create function organization.count_takeover() returns trigger language plpgsql
        security definer as $$
        begin insert into organization.takeovers values (new.job_id); return new; end $$;
      create trigger count_takeover after update on organization.jobs for each row
        when (new.abandoned > old.abandoned) execute function organization.count_takeover()
      """)
  }
}
