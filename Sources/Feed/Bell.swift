import Postgres
import Synchronization

/// Wakes the calls that wait for news when a NOTIFY comes, from whichever process.
final class Bell: Table, Sendable {
  private struct State {
    var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    var count = 0
    var listening: Task<Void, Never>?
    var isSilenced = false
  }

  private let database: Database
  private let state = Mutex(State())

  init(database: Database) { self.database = database }

  deinit { state.withLock { $0.listening?.cancel() } }

  /// Starts to wait; the stream has an element whenever it is time to look.
  func join() -> (id: Int, rings: AsyncStream<Void>) {
    let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let id = state.withLock { state in
      state.count += 1
      state.waiting[state.count] = continuation
      if state.listening == nil { state.listening = listen() }
      return state.count
    }
    return (id, stream)
  }

  /// Waits no more.
  func leave(_ id: Int) {
    let continuation = state.withLock { $0.waiting.removeValue(forKey: id) }
    continuation?.finish()
  }

  /// Rings for one waiter every second, NOTIFY or not, and once more at the end.
  func ring(_ id: Int, until end: ContinuousClock.Instant) async throws {
    while .now < end {
      let next = min(end, .now + FeedServer.pollInterval)
      try await Task.sleep(until: next, clock: .continuous)
      state.withLock { _ = $0.waiting[id]?.yield() }
    }
  }

  /// Whether nobody is to wait any more.
  var isSilenced: Bool { state.withLock { $0.isSilenced } }

  /// Lets everybody who waits answer now.
  func silence() {
    state.withLock { $0.isSilenced = true }
    ringAll()
  }

  private func ringAll() {
    state.withLock { state in
      for continuation in state.waiting.values { continuation.yield() }
    }
  }

  private static let schema = Statement<String>("select current_schema()::text")
  static var statements: [any DescribedStatement] { [schema] }

  /// The one task of a bell; it ends with it.
  private func listen() -> Task<Void, Never> {
    Task { [database, weak self] in
      var schema: String?
      while schema == nil, !Task.isCancelled {
        do {
          schema = try await database.run(.none, Self.schema()).first
        } catch {
          // Waiting calls look every second anyway.
          try? await Task.sleep(for: FeedServer.pollInterval)
        }
      }
      guard let schema, !Task.isCancelled else { return }
      for await _ in database.notifications(channel: "\(schema)_events") {
        guard let self else { return }
        self.ringAll()
      }
    }
  }
}
