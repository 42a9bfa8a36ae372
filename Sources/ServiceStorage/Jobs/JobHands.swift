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
    var jobs: [Grip: ClaimedJob] = [:]
    var tally = Tally()
  }

  private let state = Mutex(State())

  /// How many there are.
  var count: Int { state.withLock { $0.jobs.count } }

  /// All of them.
  var all: [ClaimedJob] { state.withLock { Array($0.jobs.values) } }

  /// What became of jobs so far.
  var tally: Tally {
    state.withLock { state in
      var tally = state.tally
      tally.running = state.jobs.count
      return tally
    }
  }

  func take(_ job: ClaimedJob) { state.withLock { $0.jobs[Grip(job)] = job } }

  func drop(_ job: ClaimedJob) {
    state.withLock { _ = $0.jobs.removeValue(forKey: Grip(job)) }
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
