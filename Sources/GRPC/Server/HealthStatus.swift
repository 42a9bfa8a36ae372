import Synchronization

/// What the server says of itself to `grpc.health.v1.Health`.
public final class HealthStatus: Sendable {
  static let watchPath = "/grpc.health.v1.Health/Watch"

  private struct State {
    var services: [String: Bool]
    var watches: [ObjectIdentifier: HealthWatch] = [:]
  }

  private let state: Mutex<State>

  /// Every service starts as not serving; the name "" stands for the whole server.
  init(services names: [String]) {
    state = Mutex(
      State(
        services: Dictionary(([""] + names).map { ($0, false) }, uniquingKeysWith: { $1 })))
  }

  /// Says whether a service can be used; without a name, all of them and the server as a whole.
  public func setServing(_ isServing: Bool, service: String? = nil) {
    state.withLock { state in
      for name in service.map({ [$0] }) ?? Array(state.services.keys) {
        state.services[name] = isServing
      }
      for watch in state.watches.values { watch.tell(state.services[watch.service]) }
    }
  }

  /// Whether the service can be used; nil for one that this server does not know.
  public func isServing(_ service: String = "") -> Bool? {
    state.withLock { $0.services[service] }
  }

  /// Begins to follow a service, known or not.
  func watch(_ service: String) -> HealthWatch {
    let watch = HealthWatch(service)
    state.withLock { state in
      state.watches[ObjectIdentifier(watch)] = watch
      watch.tell(state.services[service])
    }
    return watch
  }

  func end(_ watch: HealthWatch) {
    state.withLock { _ = $0.watches.removeValue(forKey: ObjectIdentifier(watch)) }
  }

  /// Watches that have not ended.
  var watchCount: Int { state.withLock { $0.watches.count } }
}

/// One service followed by one reader. What changed and changed back while nobody read is no news.
final class HealthWatch: Sendable {
  private struct State {
    // Nil before anything is known; a service that the server does not know is `.some(nil)`.
    var isServing: Bool??
    var told: Bool??
    var waiter: OneShot<Void>?
  }

  let service: String
  private let state = Mutex(State())

  init(_ service: String) { self.service = service }

  func tell(_ isServing: Bool?) {
    state.withLock { state in
      state.isServing = .some(isServing)
      guard state.isServing != state.told else { return }
      state.waiter?.give(.success(()))
      state.waiter = nil
    }
  }

  /// What is to be told next, as soon as it differs from what was told before: nil for a service
  /// that the server does not know.
  func next() async throws -> Bool? {
    while true {
      let (news, waiter) = state.withLock { state -> (Bool??, OneShot<Void>?) in
        if let isServing = state.isServing, state.told != .some(isServing) {
          state.told = .some(isServing)
          return (.some(isServing), nil)
        }
        let waiter = OneShot<Void>()
        state.waiter = waiter
        return (nil, waiter)
      }
      if let news { return news }
      try await withTaskCancellationHandler {
        try await waiter?.take()
      } onCancel: {
        waiter?.give(.failure(RPCError(.cancelled, "the watch has ended")))
      }
    }
  }
}
