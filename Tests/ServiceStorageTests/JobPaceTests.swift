import Foundation
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ServiceStorage

/// How fast jobs are done while something is the matter elsewhere: with poison in another queue
/// (R12), and with somebody's transaction open for long (R13).
@Suite(.serialized, .timeLimit(.minutes(10))) struct JobPaceTests {
  private static let well = JobKind<Int>(
    "well", in: JobRig.queue("well") { $0.concurrency = 4 })
  private static let poison = JobKind<String>(
    "poison",
    in: JobRig.queue("poison") {
      $0.concurrency = 4
      $0.timeLimit = .milliseconds(200)
    })

  /// Jobs that were done while somebody's transaction was open.
  private static let past = Setting.count("CLIENTELE_JOBS_PAST", 20_000)
  /// How often both are timed at most: on a busy machine a single time says little.
  private static let roundsMax = 8

  /// From the first job's beginning to the last one's end.
  private final class Lap: Sendable {
    private let ends = Mutex<(first: ContinuousClock.Instant, last: ContinuousClock.Instant)?>(nil)
    func note(from start: ContinuousClock.Instant) {
      ends.withLock { $0 = ($0?.first ?? start, .now) }
    }
    var time: Duration { ends.withLock { $0.map { $0.first.duration(to: $0.last) } ?? .zero } }
  }

  private func enqueue(_ count: Int, _ kind: JobKind<Int>, in rig: JobRig) async throws {
    try await rig.service.run(
      .organization(JobRig.organization),
      all: try (0..<count).map {
        AnyQuery(
          try Jobs.enqueue(kind, id: UUIDv7.make(), organization: JobRig.organization, $0))
      })
  }

  /// Has jobs done that take a while each without doing anything, and tells how long all took.
  private func lap(
    _ count: Int, in rig: JobRig, beside others: [JobHandler] = []
  ) async throws -> Duration {
    let lap = Lap()
    let done = Atomic(0)
    try await enqueue(count, Self.well, in: rig)
    let handler = JobHandler(Self.well) { _ in
      let start = ContinuousClock.now
      try await Task.sleep(for: .milliseconds(20))
      lap.note(from: start)
      done.wrappingAdd(1, ordering: .relaxed)
      return .done()
    }
    try await rig.work([rig.office([handler] + others)]) {
      done.load(ordering: .relaxed) == count
    }
    return lap.time
  }

  /// Times both by turns until the second is as fast as it should be, or never is.
  /// - Returns: how fast the second is, as a share of the first.
  private func race(
    atLeast share: Double, _ usual: () async throws -> Duration,
    _ troubled: () async throws -> Duration
  ) async throws -> Double {
    var best = (usual: Duration.seconds(600), troubled: Duration.seconds(600))
    for round in 1...Self.roundsMax {
      best.usual = min(best.usual, try await usual())
      best.troubled = min(best.troubled, try await troubled())
      if round > 1, best.usual / best.troubled >= share { break }
    }
    return best.usual / best.troubled
  }

  struct Failure: Error {}

  @Test("poison in one queue takes less than a twentieth of another's pace")
  func poison() async throws {
    try await JobRig.with { rig in
      let tries = Tally()
      let handler = JobHandler(Self.poison) { job in
        tries.add(job.payload)
        switch job.payload {
        case "throws": throw Failure()
        case "hangs": try await Task.sleep(for: .seconds(600))
        // Does not listen to its cancellation.
        default: await Task { try? await Task.sleep(for: .seconds(1)) }.value
        }
        return .done()
      }
      let share = try await race(atLeast: 0.95) {
        try await lap(200, in: rig)
      } _: {
        for payload in ["throws", "hangs", "deaf"] {
          for _ in 1...4 { try await rig.enqueue(Self.poison, payload) }
        }
        return try await lap(200, in: rig, beside: [handler])
      }
      Report.say("jobs beside poison: \(Int(share * 100)) % of their usual pace")
      #expect(tries["throws"] > 0 && tries["hangs"] > 0 && tries["deaf"] > 0)
      #expect(share >= 0.95)
    }
  }

  @Test("a transaction that somebody leaves open takes less than a third of the pace")
  func openTransaction() async throws {
    let past = Self.past
    try await JobRig.with { usual in
      try await JobRig.with { troubled in
        try await withOpenTransaction(in: troubled) {
          for rig in [usual, troubled] {
            // What the queue did meanwhile: jobs that were taken, done, and are dead rows now.
            try await rig.database.sql(
              """
              insert into organization.jobs
                (organization_id, job_id, queue, kind, payload, attempts_max, run_at)
              select '\(JobRig.organization)', gen_random_uuid(), 'well', 'well', '1', 8,
                now() - interval '10 minutes' + interval '10 minutes' * n / \(past)
              from generate_series(1, \(past)) as n;
              update organization.jobs
              set attempt = 1, lease_until = run_at + interval '1 minute',
                run_at = run_at + interval '1 minute';
              delete from organization.jobs
              """)
            try await rig.database.sql("vacuum organization.jobs")
          }
          let share = try await race(atLeast: 0.7) {
            try await lap(200, in: usual)
          } _: {
            try await lap(200, in: troubled)
          }
          Report.say(
            "jobs with an open transaction and \(past) jobs done meanwhile: "
              + "\(Int(share * 100)) % of their usual pace")
          #expect(share >= 0.7)
        }
      }
    }
  }

  /// Holds a transaction that only reads open for as long as the body runs: nothing that was there
  /// when it began is cleaned up.
  private func withOpenTransaction(
    in rig: JobRig, _ body: () async throws -> Void
  ) async throws {
    let database = rig.database
    let open = Task { _ = try? await database.sql("select pg_sleep(600)") }
    let find = "from pg_stat_activity where query = 'select pg_sleep(600)' and "
    let own = "datname = current_database()"
    try await JobRig.wait { try await rig.one("select count(*) \(find) \(own)") == "1" }
    try await body()
    try await database.sql("select pg_terminate_backend(pid) \(find) \(own)")
    await open.value
  }
}
