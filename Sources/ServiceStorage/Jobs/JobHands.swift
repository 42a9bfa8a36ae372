import Foundation
import Synchronization

/// The jobs a runner has in hand, and the count of what became of those it had.
final class JobHands: Sendable {
  /// What became of jobs.
  struct Tally: Sendable, Hashable {
    var running = 0
    var done = 0
    var failed = 0
    var dead = 0
  }

  /// One claim of one job: jobs that were claimed together share the claim's number.
  private struct Grip: Hashable {
    let organizationID: UUID
    let jobID: UUID
    let fence: Int64

    init(_ job: ClaimedJob) {
      organizationID = job.organizationID
      jobID = job.jobID
      fence = job.fence
    }
  }

  private struct State {
    var jobs: [Grip: (job: ClaimedJob, dropped: @Sendable () -> Void)] = [:]
    var tally = Tally()
  }

  private let state = Mutex(State())

  /// How many there are.
  var count: Int { state.withLock { $0.jobs.count } }

  /// All of them.
  var all: [ClaimedJob] { state.withLock { $0.jobs.values.map(\.job) } }

  /// What became of jobs so far.
  var tally: Tally {
    state.withLock { state in
      var tally = state.tally
      tally.running = state.jobs.count
      return tally
    }
  }

  /// - Parameter dropped: called when its place is free again.
  func take(_ job: ClaimedJob, dropped: @escaping @Sendable () -> Void = {}) {
    state.withLock { $0.jobs[Grip(job)] = (job, dropped) }
  }

  func drop(_ job: ClaimedJob) {
    state.withLock { $0.jobs.removeValue(forKey: Grip(job)) }?.dropped()
  }

  func count(_ verdict: JobVerdict) {
    state.withLock { state in
      switch verdict {
      case .complete: state.tally.done += 1
      case .postpone: state.tally.failed += 1
      case .bury: state.tally.dead += 1
      }
    }
  }
}
