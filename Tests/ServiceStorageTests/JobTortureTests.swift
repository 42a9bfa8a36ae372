import Foundation
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import ServiceStorage

/// Many jobs, several workers, and workers that die with jobs in hand (R13).
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

  @Test("each effect happens once, whoever dies, and no job is left behind")
  func kills() async throws {
    let jobs = Self.jobs, workers = 4, kills = Self.deaths
    try await JobRig.with { rig in
      try await rig.service.run(
        .organization(JobRig.organization),
        all: try (0..<jobs).map {
          AnyQuery(
            try Jobs.enqueue(
              Self.kind, id: UUIDv7.make(), organization: JobRig.organization, $0))
        })
      var lives = try (0..<workers).map { _ in try Life(rig, Self.kind) }
      for kill in 1...kills {
        try await JobRig.wait {
          try await rig.database.count("effects") >= kill * jobs / (kills + 3)
        }
        switch kill % 3 {
        case 0:
          // Its connections: what it was about to say is in doubt.
          try await rig.database.sql(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where usename = 'organization_worker' and datname = current_database()
            """)
        case 1:
          // All of a worker: nobody says anything of what it had in hand.
          await lives[kill % workers].die()
          lives[kill % workers] = try Life(rig, Self.kind)
        default:
          // Leases that end while the worker is at it.
          try await rig.database.sql(
            "update organization.jobs set run_at = now() where lease_until is not null")
        }
      }
      try await JobRig.wait { try await rig.database.count("jobs") == 0 }
      for life in lives { await life.die() }
      #expect(try await rig.database.count("effects") == jobs)
      let twice = "select count(*) from (select from organization.effects group by job_id) as d"
      #expect(try await rig.one(twice) == "\(jobs)")
      #expect(try await rig.database.count("dead_jobs") == 0)
      let done = Int(try await rig.one(twice)) ?? 0
      Report.say(
        "jobs, \(kills) deaths: \(jobs) acknowledged, 0 in doubt, \(jobs - done) lost, "
          + "\(try await rig.database.count("effects") - done) doubled")
    }
  }
}

/// A worker with a pool of its own, which can be cut off from the database.
private struct Life {
  private let pool: Database
  private let work: Task<Void, Never>

  init(_ rig: JobRig, _ kind: JobKind<Int>) throws {
    let pool = try rig.database.database(role: "organization_worker")
    self.pool = pool
    let office = rig.office(
      [
        JobHandler(kind) { job in
          // Long enough to be in hand when the worker dies.
          try await Task.sleep(for: .milliseconds(Int.random(in: 1...30)))
          return .done([AnyQuery(JobRig.effect(job.id))])
        }
      ], worker: pool)
    work = Task { await office.run() }
  }

  func die() async {
    await pool.close()
    work.cancel()
    await work.value
  }
}
