import Foundation
import GRPC
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import ServiceStorage

/// Jobs that fail, hang or kill their worker, beside jobs that do neither (R12).
@Suite(.timeLimit(.minutes(5))) struct JobPoisonTests {
  private static let queue = JobRig.queue("mixed") {
    $0.concurrency = 4
    $0.timeLimit = .milliseconds(150)
  }
  private static let kind = JobKind<String>("mixed", in: queue)
  private static let other = JobKind<String>("apart", in: JobRig.queue("apart"))

  struct Failure: Error {}

  @Test("dead after eight failures, or eight hangs; the others are all done; an operator is told")
  func poison() async throws {
    try await JobRig.with { rig in
      let attempts = Tally()
      for payload in ["throws", "hangs"] { try await rig.enqueue(Self.kind, payload) }
      for _ in 1...100 { try await rig.enqueue(Self.kind, "well") }
      let office = rig.office([
        JobHandler(Self.kind) { job in
          attempts.add(job.payload)
          switch job.payload {
          case "throws": throw Failure()
          case "hangs": try await Task.sleep(for: .seconds(600))
          default: break
          }
          return .done([AnyQuery(JobRig.effect(job.id))])
        }
      ])
      try await rig.work([office]) { try await rig.database.count("jobs") == 0 }
      #expect(attempts["throws"] == 8 && attempts["hangs"] == 8)
      #expect(try await rig.database.count("effects") == 100)
      #expect(try await rig.database.count("dead_jobs") == 2)
      #expect(try await rig.one("select count(*) from organization.alerts") == "1")
      #expect(try await rig.one("select kind from organization.alerts") == "job.dead")
    }
  }

  @Test("dead without a fourth try when three workers died over it")
  func traps() async throws {
    try await JobRig.with { rig in
      let id = try await rig.enqueue(Self.kind, "traps")
      let table = JobTable(worker: rig.worker, queue: Self.queue)
      for death in 0..<JobQueue.abandonedMax {
        // As a process that traps leaves it: taken, and never heard of again.
        let claimed =
          death == 0
          ? try await table.claim(["mixed"], atMost: 1).first : try await table.adopt(["mixed"])
        #expect(claimed?.abandoned == death)
        try await rig.database.sql("update organization.jobs set run_at = now()")
      }
      let tries = Tally()
      let office = rig.office([
        JobHandler(Self.kind) { job, because in
          #expect(because.contains("died"))
          return [AnyQuery(JobRig.effect(job.id))]
        } perform: { _ in
          tries.add("job")
          return .done()
        }
      ])
      #expect(await office.drain() == 1)
      #expect(tries["job"] == 0)
      #expect(try await rig.one("select job_id from organization.dead_jobs") == id.text)
      // What else its death means is noted with it.
      #expect(try await rig.database.count("effects") == 1)
    }
  }

  @Test("jobs that were in hand when a worker died are done one at a time, beside all others")
  func orphans() async throws {
    try await JobRig.with { rig in
      for _ in 1...6 { try await rig.enqueue(Self.kind, "orphan") }
      let table = JobTable(worker: rig.worker, queue: Self.queue)
      #expect(try await table.claim(["mixed"], atMost: 10).count == 6)
      try await rig.database.sql("update organization.jobs set run_at = now()")
      #expect(try await table.claim(["mixed"], atMost: 10).isEmpty)
      for _ in 1...20 { try await rig.enqueue(Self.kind, "well") }
      let inHand = Tally(), most = Tally()
      let office = rig.office([
        JobHandler(Self.kind) { job in
          #expect((job.abandoned == 1) == (job.payload == "orphan"))
          most.raise(job.payload, to: inHand.add(job.payload))
          try await Task.sleep(for: .milliseconds(20))
          inHand.add(job.payload, -1)
          return .done([AnyQuery(JobRig.effect(job.id))])
        }
      ])
      try await rig.work([office]) { try await rig.database.count("jobs") == 0 }
      #expect(try await rig.database.count("effects") == 26)
      #expect(most["orphan"] == 1 && most["well"] > 1)
    }
  }

  @Test("a queue that is full of jobs which never end holds up no other, nor its own for ever")
  func isolation() async throws {
    try await JobRig.with { rig in
      for _ in 1...12 { try await rig.enqueue(Self.kind, "deaf") }
      for _ in 1...50 { try await rig.enqueue(Self.other, "well") }
      try await rig.enqueue(Self.kind, "well")
      let gate = AsyncStream.makeStream(of: Void.self)
      let deaf = Task { for await _ in gate.stream {} }
      let office = rig.office([
        JobHandler(Self.kind) { job in
          // Does not listen to its cancellation.
          if job.payload == "deaf" { await deaf.value }
          return .done([AnyQuery(JobRig.effect(job.id))])
        },
        JobHandler(Self.other) { job in .done([AnyQuery(JobRig.effect(job.id))]) },
      ])
      let work = Task { await office.run() }
      try await JobRig.wait { try await rig.database.count("effects") == 51 }
      #expect(try await rig.database.count("dead_jobs") <= 12)
      gate.continuation.finish()
      work.cancel()
      await work.value
    }
  }
}
