import Synchronization

/// Lets so many tests at a time have a database; the others wait their turn. Test runs start every
/// test at once, and a server has only so many connections.
final class Turnstile: Sendable {
  private struct State {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  /// For the tests of this process. A test that asks for a second database passes with the first.
  static let databases = Turnstile(places: 16)
  @TaskLocal private static var isInside = false

  private let state: Mutex<State>

  init(places: Int) {
    state = Mutex(State(free: places))
  }

  /// Runs something once there is a place.
  func pass<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
  ) async throws -> Result {
    if Self.isInside { return try await body() }
    await withCheckedContinuation { enter($0) }
    defer { leave() }
    return try await Self.$isInside.withValue(true) { try await body() }
  }

  private func enter(_ continuation: CheckedContinuation<Void, Never>) {
    let isFree = state.withLock { state in
      guard state.free == 0 else {
        state.free -= 1
        return true
      }
      state.waiting.append(continuation)
      return false
    }
    if isFree { continuation.resume() }
  }

  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.free += 1
      return nil
    }
    next?.resume()
  }
}
