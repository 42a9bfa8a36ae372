import HTTP2
import Protobuf
import Synchronization

/// What a channel counts.
public final class ChannelMetrics: Sendable {
  private final class Counter: Sendable {
    let value = Atomic<UInt64>(0)
  }

  /// How the connections of a channel stand.
  struct Links: Sendable, Hashable {
    var connecting = 0
    var ready = 0
    var backingOff = 0
    var idle = 0
  }

  private struct Gauges {
    var waiting = 0
    var links = Links()
  }

  /// Where the channel leads, as its user wrote it.
  let target: String
  private let starts = Atomic<UInt64>(0)
  private let ends = StatusCode.allCases.map { _ in Counter() }
  private let retries = Atomic<UInt64>(0)
  private let transparentRetries = Atomic<UInt64>(0)
  private let throttled = Atomic<UInt64>(0)
  private let gauges = Mutex(Gauges())
  private static let bounds =
    SessionBound.allCases.map(\.rawValue) + ClientBound.allCases.map(\.rawValue)
    + DecodingBound.allCases.map(\.rawValue)
  private let reached = Mutex<[String: UInt64]>([:])

  init(target: String) {
    self.target = target
  }

  func started() { starts.wrappingAdd(1, ordering: .relaxed) }

  func handled(_ code: StatusCode) {
    ends[code.rawValue].value.wrappingAdd(1, ordering: .relaxed)
  }

  func retried() { retries.wrappingAdd(1, ordering: .relaxed) }
  func retriedUnseen() { transparentRetries.wrappingAdd(1, ordering: .relaxed) }
  func wasThrottled() { throttled.wrappingAdd(1, ordering: .relaxed) }
  func reached(_ bound: ClientBound) { reached(bound.rawValue) }
  func reached(_ bound: SessionBound) { reached(bound.rawValue) }
  func unreadable(_ error: DecodeError) { if let bound = error.bound { reached(bound.rawValue) } }
  private func reached(_ bound: String) { reached.withLock { $0[bound, default: 0] += 1 } }
  func waiting(_ count: Int) { gauges.withLock { $0.waiting = count } }
  func links(_ links: Links) { gauges.withLock { $0.links = links } }

  /// Everything as it is now.
  public func samples() -> [MetricSample] {
    let now = gauges.withLock { $0 }
    let target = [(name: "target", value: target)]
    func count(
      _ name: String, _ help: String, _ value: Double, _ more: [(name: String, value: String)] = [],
      kind: MetricSample.Kind = .counter
    ) -> MetricSample {
      MetricSample(name: name, help: help, kind: kind, labels: target + more, value: value)
    }
    func read(_ counter: borrowing Atomic<UInt64>) -> Double {
      Double(counter.load(ordering: .relaxed))
    }
    var samples = [
      count("grpc_client_started_total", "Calls begun.", read(starts)),
      count("grpc_client_retries_total", "Attempts after the first, by policy.", read(retries)),
      count(
        "grpc_client_transparent_retries_total",
        "Attempts after one that no server looked at.", read(transparentRetries)),
      count(
        "grpc_client_throttled_total", "Retries that too many failures held back.",
        read(throttled)),
      count(
        "grpc_client_waiting", "Calls that wait for a connection or a free stream.",
        Double(now.waiting), kind: .gauge),
    ]
    for code in StatusCode.allCases {
      samples.append(
        count(
          "grpc_client_handled_total", "Calls ended, by code.", read(ends[code.rawValue].value),
          [(name: "code", value: code.name)]))
    }
    let reached = reached.withLock { $0 }
    for bound in Self.bounds {
      samples.append(
        count(
          "grpc_client_bound_reached_total", "How often a bound was reached.",
          Double(reached[bound] ?? 0), [(name: "bound", value: bound)]))
    }
    let states = [
      ("connecting", now.links.connecting), ("ready", now.links.ready),
      ("backoff", now.links.backingOff), ("idle", now.links.idle),
    ]
    for (state, value) in states {
      samples.append(
        count(
          "grpc_client_connections", "Servers of the channel, by the state of their connection.",
          Double(value), [(name: "state", value: state)], kind: .gauge))
    }
    return samples
  }
}
