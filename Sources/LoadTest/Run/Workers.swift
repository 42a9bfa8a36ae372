import Synchronization

/// Tasks that make calls one after the other, as many as there ever are calls under way. A task
/// that waits is used again: a group pays for each task that ends by looking through all those that
/// have not, which thousands of calls under way would feel.
final class Workers<Job: Sendable>: Sendable {
  private struct State {
    var idle: [AsyncStream<Job>.Continuation] = []
    var all: [AsyncStream<Job>.Continuation] = []
  }

  private let state = Mutex(State())
  private let work: @Sendable (Job) async -> Void

  init(_ work: @escaping @Sendable (Job) async -> Void) {
    self.work = work
  }

  /// Has a job done, by a task that waits, or else by a new one in the group.
  func start(_ job: Job, in group: inout DiscardingTaskGroup) {
    if let worker = state.withLock({ $0.idle.popLast() }) {
      worker.yield(job)
      return
    }
    let (jobs, worker) = AsyncStream.makeStream(of: Job.self)
    state.withLock { $0.all.append(worker) }
    worker.yield(job)
    group.addTask {
      for await job in jobs {
        await self.work(job)
        self.state.withLock { $0.idle.append(worker) }
      }
    }
  }

  /// Lets every task end with the job it has.
  func finish() {
    for worker in state.withLock({ $0.all }) { worker.finish() }
  }
}
