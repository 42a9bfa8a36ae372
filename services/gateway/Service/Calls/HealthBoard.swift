import CommonAPI
import GRPC
import Protobuf
import Synchronization

/// What the services behind the gateway say of their health. Asked at most twice a second, however
/// many callers there are.
final class HealthBoard: Sendable {
  static let path = "/grpc.health.v1.Health/Check"
  static let keptFor = Duration.milliseconds(500)

  private struct Known: Sendable {
    let states: [String: String]
    let moment: ContinuousClock.Instant
  }

  private let backends: [Backend]
  private let known = Mutex<Known?>(nil)

  init(_ backends: [Backend]) {
    self.backends = backends
  }

  /// The answer of `GET /healthz`.
  func response() async -> EdgeResponse {
    let states = await states()
    let isServing = states.values.allSatisfy { $0 == "SERVING" }
    var services = JSONObject()
    for backend in backends { services[backend.name] = .string(states[backend.name] ?? "UNKNOWN") }
    let body: JSONValue = [
      "status": .string(isServing ? "SERVING" : "NOT_SERVING"), "services": .object(services),
    ]
    return EdgeResponse(
      status: isServing ? 200 : 503, headers: [.init("content-type", "application/json")],
      body: body.utf8 + [0x0A])
  }

  private func states() async -> [String: String] {
    if let known = known.withLock({ $0 }), known.moment.duration(to: .now) < Self.keptFor {
      return known.states
    }
    let states = await withTaskGroup(of: (String, String).self) { group in
      for backend in backends {
        group.addTask { (backend.name, await Self.state(of: backend)) }
      }
      return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
    known.withLock { $0 = Known(states: states, moment: .now) }
    return states
  }

  private static func state(of backend: Backend) async -> String {
    do {
      let answer = try await backend.channel.unary(
        path: path, request: HealthCheckRequest().serialized(),
        options: CallOptions(timeout: .seconds(1)))
      let status = try HealthCheckResponse(serialized: answer.message).status
      return status == .serving ? "SERVING" : "NOT_SERVING"
    } catch {
      return "UNREACHABLE"
    }
  }
}
