import Synchronization

/// What the server says of itself to `grpc.health.v1.Health`.
public final class HealthStatus: Sendable {
  static let serviceName = "grpc.health.v1.Health"

  private let services: Mutex<[String: Bool]>

  /// Every service starts as not serving; the name "" stands for the whole server.
  init(services names: [String]) {
    services = Mutex(Dictionary(([""] + names).map { ($0, false) }, uniquingKeysWith: { $1 }))
  }

  /// Says whether a service can be used; without a name, all of them and the server as a whole.
  public func setServing(_ isServing: Bool, service: String? = nil) {
    services.withLock { services in
      if let service {
        services[service] = isServing
      } else {
        for name in services.keys { services[name] = isServing }
      }
    }
  }

  /// Whether the service can be used; nil for one that this server does not know.
  public func isServing(_ service: String = "") -> Bool? {
    services.withLock { $0[service] }
  }
}
