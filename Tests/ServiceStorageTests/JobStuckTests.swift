import Foundation
import GRPC
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ServiceStorage

/// Jobs that get no further: what takes too long ends them, and what may last an operator sees.
@Suite(.timeLimit(.minutes(5))) struct JobStuckTests {
  private static let kind = JobKind<String>("crawl", in: JobRig.queue("crawling"))

  @Test("a job whose statement always takes too long is dead after eight attempts")
  func slowStatement() async throws {
    try await JobRig.with { rig in
      try await rig.enqueue(Self.kind, "slow")
      let sleep = Statement<NoRow>("select pg_sleep(600)")
      let tries = Tally()
      let office = rig.office([
        JobHandler(Self.kind) { _ in
          tries.add("job")
          _ = try await rig.worker.run(.none, deadline: .now + .milliseconds(50), sleep())
          return .done()
        }
      ])
      try await rig.work([office]) { try await rig.database.count("dead_jobs") == 1 }
      // Where the machine is too busy to answer within a second, an attempt does not count.
      #expect(tries["job"] >= 8)
      #expect(try await rig.database.count("jobs") == 0)
      #expect(try await rig.one("select kind from organization.alerts") == "job.dead")
    }
  }

  @Test("a database that does not lock the job's row in time does not answer")
  func answers() async throws {
    try await JobRig.with { rig in
      try await rig.enqueue(Self.kind, "hello")
      let table = JobTable(worker: rig.worker, queue: Self.kind.queue)
      let job = try #require(try await table.claim(["crawl"], atMost: 1).first)
      #expect(await table.answers(about: job))
      let other = try rig.database.database(role: "organization_worker")
      try await other.transaction(.none) { transaction in
        try await transaction.run(
          JobTable.hold(job.organizationID, job.jobID, job.fence))
        #expect(await table.answers(about: job) == false)
      }
      #expect(await table.answers(about: job))
      try await rig.database.sql("update organization.jobs set fence = fence + 1")
      #expect(await table.answers(about: job))
    }
  }

  @Test("a job that is tried for an hour is told, with its age, until it is done")
  func told() async throws {
    try await JobRig.with { rig in
      let id = try await rig.enqueue(Self.kind, "hello")
      let isAway = Mutex(true)
      let office = rig.office([
        JobHandler(Self.kind) { _ in
          if isAway.withLock({ $0 }) { throw RPCError(.unavailable, "the peer is away") }
          return .done()
        }
      ])
      #expect(await office.drain() >= 1)
      try await rig.database.sql(
        """
        update organization.jobs
        set created_at = created_at - interval '61 minutes', run_at = now() + interval '1 hour'
        """)
      let samples = await office.samples()
      #expect(samples.first { $0.name == "clientele_jobs_oldest_due_seconds" }?.value == 0)
      let age = samples.first { $0.name == "clientele_jobs_oldest_tried_seconds" }?.value ?? 0
      #expect(age >= 3660)

      let alerts = Alerts(database: rig.worker)
      try await rig.work([office]) { try await !alerts.open().isEmpty }
      let alert = try #require(try await alerts.open().first)
      #expect(alert.kind == "job.stuck" && alert.subject == "crawling/crawl")
      #expect(alert.detail.contains(id.text))
      let desk = JobDesk(
        database: try rig.database.database(role: "postgres") {
          $0.connection += " options='-c search_path=organization'"
        })
      let failing = try #require(try await desk.failing().first)
      #expect(failing.jobID == id && failing.attempt >= 1)
      #expect(failing.failure.contains("the peer is away"))
      #expect(try await desk.queues().map { $0.oldestTried >= 3660 } == [true])

      isAway.withLock { $0 = false }
      try await rig.database.sql("update organization.jobs set run_at = now()")
      #expect(await office.drain() == 1)
      try await rig.work([office]) { try await alerts.open().isEmpty }
      #expect(try await desk.failing().isEmpty)
    }
  }
}
