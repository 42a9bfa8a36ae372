import Foundation
import Postgres
import ServiceKit
import TestKit
import Testing

@testable import ServiceStorage

/// Jobs in hand while the database is away, or does not take what became of them.
@Suite(.timeLimit(.minutes(5))) struct JobOutageTests {
  private static let kind = JobKind<String>("greet", in: JobRig.queue("greetings"))
  /// How long live workers have to be heard, with room for a busy machine.
  private static let heartbeat = Duration.seconds(2).patient

  @Test("what was done while the database was away for several leases is not done again")
  func away() async throws {
    try await JobRig.with { rig in
      let kind = JobKind<String>(
        "greet", in: JobRig.queue("away") { $0.heartbeat = Self.heartbeat })
      try await rig.enqueue(kind, "hello")
      let proxy = try rig.database.proxy()
      let through = " host=127.0.0.1 port=\(proxy.port) sslmode=disable"
      // Two processes: either might take the job for an orphan.
      let workers = try (0..<2).map { _ in
        try rig.database.database(role: "organization_worker") {
          $0.connection += through
          $0.queueWait = .milliseconds(100)
          $0.connectionWait = .milliseconds(200)
        }
      }
      let tries = Tally()
      let handler = JobHandler(kind) { job in
        if tries.add("job") == 1 {
          proxy.cut(.up, afterBytes: 0)
          proxy.cutAll()
        }
        return .done([AnyQuery(JobRig.effect(job.id))])
      }
      let offices = workers.map { rig.office([handler], worker: $0) }
      let leases = "coalesce(now() > lease_until + interval '3 seconds', false)"
      try await rig.work(offices) {
        if try await rig.one("select \(leases) from organization.jobs") == "t" { proxy.heal() }
        return try await rig.database.count("jobs") == 0
      }
      #expect(tries["job"] == 1)
      #expect(try await rig.database.count("effects") == 1)
    }
  }

  @Test("an effect for which the database never has the time is the job's failure")
  func slowEffect() async throws {
    try await JobRig.with { rig in
      let kind = JobKind<String>("crawl", in: Self.kind.queue, attemptsMax: 2)
      try await rig.enqueue(kind, "slow")
      let worker = try rig.database.database(role: "organization_worker") {
        $0.callTimeout = .milliseconds(500)
      }
      let sleep = Statement<NoRow>("select pg_sleep(600)")
      let office = rig.office(
        [JobHandler(kind) { _ in .done([AnyQuery(sleep())]) }], worker: worker)
      try await rig.work([office]) { try await rig.database.count("dead_jobs") == 1 }
      #expect(
        try await rig.database.sql("select failure, abandoned from organization.dead_jobs")
          == [["deadlineExceeded", "0"]])
    }
  }
}
