public import NIOCore
import Synchronization

/// Runs tasks on one event loop, so that a handler works on the thread of its connection. Jobs
/// that arrive together run in one turn of the loop.
public final class LoopExecutor: TaskExecutor {
  let loop: any EventLoop
  private let jobs = Mutex<[UnownedJob]>([])

  /// Runs tasks on that loop.
  public init(_ loop: any EventLoop) {
    self.loop = loop
  }

  /// See `TaskExecutor`.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isFirst = jobs.withLock { jobs in
      jobs.append(job)
      return jobs.count == 1
    }
    if isFirst { loop.execute { self.runJobs() } }
  }

  private func runJobs() {
    let batch = jobs.withLock { jobs in
      defer { jobs = [] }
      return jobs
    }
    for job in batch { job.runSynchronously(on: asUnownedTaskExecutor()) }
  }
}
