public import GRPC
import Protobuf
import Synchronization

/// Everything of the gateway that has a bound, by the name its counter has. The bounds themselves
/// stand in `GatewaySettings`, those of JSON in `JSONBound`.
enum GatewayBound: String, CaseIterable, Sendable {
  case descriptors
  case connections
  case connectionsPerAddress = "connections_per_address"
  case idleTime = "idle_time"
  case headerTime = "header_time"
  case writeIdleTime = "write_idle_time"
  case headerBytes = "header_bytes"
  case headerFieldBytes = "header_field_bytes"
  case headerFields = "header_fields"
  /// Headers of more than twice what is taken, which are not read to their end.
  case headerOverflow = "header_overflow"
  case bodyBytes = "body_bytes"
  case bodyTime = "body_time"
  case jsonDepth = "json_depth"
  case jsonKeys = "json_keys"
  case jsonNumberLength = "json_number_length"
  case addressRate = "address_rate"
  case sessionRate = "session_rate"
  case publicRate = "public_rate"
  case deadline

  init(_ bound: JSONBound) {
    switch bound {
    case .depth: self = .jsonDepth
    case .keys: self = .jsonKeys
    case .numberLength: self = .jsonNumberLength
    }
  }
}

/// How often each bound was reached.
final class GatewayBounds: Sendable {
  private let counts = Mutex<[GatewayBound: UInt64]>([:])

  func add(_ bound: GatewayBound) { counts.withLock { $0[bound, default: 0] += 1 } }

  subscript(bound: GatewayBound) -> UInt64 { counts.withLock { $0[bound] ?? 0 } }
}

extension Gateway {
  /// Every figure of its own at this moment.
  public func samples() -> [MetricSample] {
    let reached = GatewayBound.allCases.map { bound in
      MetricSample(
        name: "gateway_bound_reached_total", help: "How often a bound was reached.",
        kind: .counter, labels: [("bound", bound.rawValue)], value: Double(bounds[bound]))
    }
    return reached + [
      MetricSample(
        name: "gateway_connections", help: "Open connections.", kind: .gauge,
        value: Double(watch.count))
    ]
  }
}
