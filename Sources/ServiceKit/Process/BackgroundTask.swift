import Logging
import ServiceLifecycle

/// A follower or a worker: runs until the process stops. What it throws is logged, and it starts
/// again after a pause that grows from 0.1 s to 5 s while it keeps failing at once.
public struct BackgroundTask: Sendable {
  /// Its name, for logs.
  public let name: String
  /// What it does; returns only when it is cancelled.
  public let body: @Sendable () async throws -> Void

  /// - Parameter body: returns only when it is cancelled.
  public init(_ name: String, _ body: @escaping @Sendable () async throws -> Void) {
    self.name = name
    self.body = body
  }
}

/// Runs a background task under the process's life cycle.
struct BackgroundRunner: ServiceLifecycle.Service {
  let task: BackgroundTask
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await repeated()
    }
  }

  private func repeated() async {
    var pause = Duration.milliseconds(100)
    while !Task.isCancelled {
      let started = ContinuousClock.now
      do {
        try await task.body()
      } catch is CancellationError {
        return
      } catch {
        logger.error(
          "background task failed", metadata: ["task": "\(task.name)", "error": "\(error)"])
      }
      pause =
        started.duration(to: .now) > .seconds(30) ? .milliseconds(100) : min(pause * 2, .seconds(5))
      try? await Task.sleep(for: pause)
    }
  }
}
