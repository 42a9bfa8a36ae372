import CLibPQ
import Glibc

/// A thread of our own, since libpq is polled, not awaited.
enum IOThread {
  private final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts a detached thread with every signal blocked, so that the process's handlers run
  /// elsewhere.
  /// - Returns: false when the system has no thread left.
  static func start(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    let start = Unmanaged.passRetained(Start(body))
    var every = sigset_t()
    var before = sigset_t()
    sigfillset(&every)
    pthread_sigmask(SIG_SETMASK, &every, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, nil,
      { context in
        if let context { Unmanaged<Start>.fromOpaque(context).takeRetainedValue().body() }
        return nil
      }, start.toOpaque())
    guard failure == 0 else {
      start.release()
      return false
    }
    pthread_setname_np(thread, name)
    pthread_detach(thread)
    return true
  }

  /// Runs blocking work on a thread of its own and waits for it without blocking the caller's.
  static func run<Success: Sendable>(
    named name: String, _ body: @escaping @Sendable () -> Result<Success, any Error>
  ) async throws -> Success {
    let result = await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Result<Success, any Error>, Never>) in
      if !start(named: name, { continuation.resume(returning: body()) }) {
        continuation.resume(
          returning: .failure(PostgresError.unavailable("no thread could be made")))
      }
    }
    return try result.get()
  }
}
