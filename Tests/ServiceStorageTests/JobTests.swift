import Foundation
import GRPC
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ServiceStorage

@Suite struct JobTests {
  private static let kind = JobKind<String>("greet", in: JobRig.queue("greetings"))

  @Test("a job is enqueued once, a key has one live job, and what is done is gone")
  func once() async throws {
    try await JobRig.with { rig in
      let id = UUIDv7.make()
      for _ in 1...3 { try await rig.enqueue(Self.kind, "hello", id: id, key: "a") }
      try await rig.enqueue(Self.kind, "another", key: "a")
      try await rig.enqueue(Self.kind, "bye", key: "b")
      try await rig.enqueue(Self.kind, "later", runAt: .now.addingTimeInterval(600))
      let jobs = Jobs(database: rig.service)
      #expect(
        try await jobs.pending(
          Self.kind, key: "a", organization: JobRig.organization, deadline: .after(.seconds(5)))
          == id)
      let said = Tally()
      let office = rig.office([
        JobHandler(Self.kind) { job in
          said.add(job.payload)
          #expect(job.organizationID == JobRig.organization && job.attempt == 1)
          return .done([AnyQuery(JobRig.effect(job.id))])
        }
      ])
      #expect(await office.drain() == 2)
      #expect(said["hello"] == 1 && said["bye"] == 1 && said["another"] == 0)
      #expect(try await rig.database.count("effects") == 2)
      #expect(try await rig.database.count("jobs") == 1)
    }
  }

  @Test("a kind that rests is not taken, and keeps no other kind of its queue waiting")
  func resting() async throws {
    try await JobRig.with { rig in
      let other = JobKind<String>("greet-otherwise", in: Self.kind.queue)
      try await rig.enqueue(Self.kind, "hello")
      try await rig.enqueue(other, "welcome")
      let rests = Mutex(true)
      let said = Tally()
      let office = rig.office([
        JobHandler(Self.kind, resting: { rests.withLock { $0 } }) { job in
          said.add("\(job.payload) \(job.attempt)")
          return .done()
        },
        JobHandler(other) { job in
          said.add("\(job.payload) \(job.attempt)")
          return .done()
        },
      ])
      for _ in 1...3 { _ = await office.drain() }
      #expect(said["welcome 1"] == 1 && said["hello 1"] == 0)
      rests.withLock { $0 = false }
      #expect(await office.drain() == 1)
      #expect(said["hello 1"] == 1)
    }
  }

  @Test("a worker that comes too late changes nothing")
  func fenced() async throws {
    try await JobRig.with { rig in
      try await rig.enqueue(Self.kind, "hello")
      let table = JobTable(worker: rig.worker, queue: Self.kind.queue)
      let late = try #require(try await table.claim(["greet"], atMost: 1).first)
      #expect(try await table.claim(["greet"], atMost: 1).isEmpty)
      try await rig.database.sql("update organization.jobs set run_at = now()")
      let next = try #require(try await table.adopt(["greet"]))
      #expect(next.abandoned == 1 && next.attempt == 2 && next.fence > late.fence)
      for verdict: JobVerdict in [
        .complete, .postpone(.zero, because: "", counts: true), .bury(because: ""),
      ] {
        let refused = await #expect(throws: PostgresError.self) {
          try await table.settle(late, verdict, [AnyQuery(JobRig.effect(late.jobID))])
        }
        #expect(refused?.sqlState == JobTable.divisionByZero)
      }
      try await table.extend([late])
      #expect(try await table.isHeld(next))
      #expect(try await rig.database.count("effects") == 0)
      try await table.settle(
        next, .postpone(.zero, because: "", counts: true), [AnyQuery(JobRig.effect(next.jobID))])
      // Said again, since the first answer was lost: that is once.
      #expect(try await !table.isHeld(next))
      try await table.extend([next])
      let last = try #require(try await table.claim(["greet"], atMost: 1).first)
      #expect(last.abandoned == 1)
      try await table.settle(last, .complete, [AnyQuery(JobRig.effect(last.jobID))])
      #expect(try await rig.database.count("effects") == 2)
      #expect(try await rig.database.count("jobs") == 0)
    }
  }

  @Test("a worker that is often late does not pass for one that died over its job")
  func acquitted() async throws {
    try await JobRig.with { rig in
      try await rig.enqueue(Self.kind, "hello")
      let losses = JobQueue.abandonedMax + 1
      let handler =
        JobHandler(Self.kind) { job in
          // Those before it have said that they live.
          try await JobRig.wait {
            try await rig.one("select abandoned from organization.jobs") == "0"
          }
          guard job.attempt <= losses else { return .done([AnyQuery(JobRig.effect(job.id))]) }
          try await JobRig.wait {
            try await rig.database.sql(
              """
              update organization.jobs set run_at = now() where attempt = \(job.attempt);
              notify organization_events
              """)
            return try await rig.one("select attempt from organization.jobs")
              == "\(job.attempt + 1)"
          }
          return .done([AnyQuery(JobRig.effect(job.id))])
        }
      // A process takes up one lost job at a time.
      let offices = [rig.office([handler]), rig.office([handler])]
      try await rig.work(offices) { try await rig.database.count("jobs") == 0 }
      #expect(try await rig.database.count("effects") == 1)
      #expect(try await rig.database.count("dead_jobs") == 0)
    }
  }

  @Test("an effect that the database refuses is the job's failure, and kept out whole")
  func refusedEffect() async throws {
    try await JobRig.with { rig in
      try await rig.database.sql("create unique index on organization.effects (job_id)")
      try await rig.enqueue(Self.kind, "hello")
      let office = rig.office([
        JobHandler(Self.kind) { job in
          job.attempt < 3
            ? .done([AnyQuery(JobRig.effect(job.id)), AnyQuery(JobRig.effect(job.id))])
            : .done([AnyQuery(JobRig.effect(job.id))])
        }
      ])
      try await rig.work([office]) { try await rig.database.count("jobs") == 0 }
      #expect(try await rig.database.count("effects") == 1)
    }
  }

  @Test("an outage of a peer uses up no attempt; what a peer refuses for good is dead at once")
  func peers() async throws {
    try await JobRig.with { rig in
      try await rig.enqueue(Self.kind, "away")
      try await rig.enqueue(Self.kind, "no")
      let tries = Tally()
      let office = rig.office([
        JobHandler(Self.kind) { job in
          if job.payload == "no" { throw RPCError(.failedPrecondition, "no") }
          if tries.add("away") < 12 { throw RPCError(.unavailable, "away") }
          return .done()
        }
      ])
      try await rig.work([office]) { try await rig.database.count("jobs") == 0 }
      #expect(tries["away"] == 12)
      #expect(try await rig.database.count("dead_jobs") == 1)
      #expect(try await rig.one("select attempt from organization.dead_jobs") == "1")
    }
  }

  @Test("a process that stops gives back what it has in hand, and finishes what ends")
  func stops() async throws {
    try await JobRig.with { rig in
      try await rig.enqueue(Self.kind, "waits")
      let begun = Tally()
      let office = rig.office([
        JobHandler(Self.kind) { _ in
          begun.add("job")
          try await Task.sleep(for: .seconds(600))
          return .done()
        }
      ])
      try await rig.work([office]) { begun["job"] == 1 }
      let row = try await rig.database.sql(
        "select lease_until is null, run_at <= now(), abandoned from organization.jobs")
      #expect(row == [["t", "t", "0"]])
    }
  }

  @Test("an operator sees queues and dead jobs, and retries or drops them")
  func desk() async throws {
    try await JobRig.with { rig in
      let retried = try await rig.enqueue(Self.kind, "a")
      let dropped = try await rig.enqueue(Self.kind, "b")
      let office = rig.office([
        JobHandler(Self.kind) { job in
          job.abandoned == 0 && job.payload.isEmpty ? .done() : .dead(because: "no")
        }
      ])
      #expect(await office.drain() == 2)
      let database = try rig.database.database(role: "postgres") {
        $0.connection += " options='-c search_path=organization'"
      }
      let desk = JobDesk(database: database)
      #expect(try await desk.queues().map(\.dead) == [2])
      #expect(try await desk.dead().map(\.failure) == ["no", "no"])
      #expect(try await Alerts(database: database).open().map(\.subject) == ["greetings/greet"])
      #expect(try await desk.retry(retried))
      #expect(try await !desk.retry(retried))
      #expect(try await Alerts(database: database).open().count == 1)
      #expect(try await desk.drop(dropped))
      #expect(try await Alerts(database: database).open().isEmpty)
      #expect(try await desk.queues().map(\.waiting) == [1])
      let samples = await office.samples()
      #expect(samples.first { $0.name == "clientele_jobs_depth" }?.value == 1)
      #expect(samples.first { $0.name == "clientele_jobs_buried_total" }?.value == 2)
    }
  }

  @Test("an organisation's role sees, enqueues and deletes its own jobs only")
  func tenants() async throws {
    try await JobRig.with { rig in
      try await rig.enqueue(Self.kind, "mine", key: "k")
      let other = UUIDv7.make()
      let all = Statement<Int>("select count(*) from jobs")
      #expect(try await rig.service.run(.organization(other), all()) == [0])
      #expect(try await rig.service.run(.none, all()) == [0])
      _ = try await rig.service.run(
        .organization(other), Jobs.drop(Self.kind, key: "k", organization: JobRig.organization))
      #expect(try await rig.database.count("jobs") == 1)
      let planted = await #expect(throws: PostgresError.self) {
        try await rig.service.run(
          .organization(other),
          try Jobs.enqueue(
            Self.kind, id: other, organization: JobRig.organization, "planted"))
      }
      #expect(planted?.sqlState == "42501")
      for sql in [
        "update jobs set run_at = now()", "insert into dead_jobs select * from dead_jobs",
      ] {
        let refused = await #expect(throws: PostgresError.self) {
          try await rig.service.run(.organization(JobRig.organization), Statement<NoRow>(sql)())
        }
        #expect(refused?.sqlState == "42501", "\(sql)")
      }
    }
  }
}
