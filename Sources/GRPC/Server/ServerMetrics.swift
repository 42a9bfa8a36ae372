import Synchronization

/// What a server counts of itself. Nothing is computed before somebody asks.
public struct ServerMetrics: Sendable {
  let server: RPCServer

  /// Every figure at this moment; a method that was never called is left out.
  public func samples() -> [MetricSample] {
    let core = server.core
    var samples: [MetricSample] = []
    let loops = server.loops
    for method in 0...core.router.handlers.count {
      var row = CallCounters.Row()
      for loop in loops { loop.counters.read(method, into: &row) }
      guard row.started > 0 else { continue }
      let isKnown = method < core.router.handlers.count
      samples += row.samples(
        "grpc_server", method: isKnown ? core.router.handlers[method].method.path : "unknown")
    }
    for bound in ServerBound.allCases {
      samples.append(
        MetricSample(
          name: "grpc_server_bound_reached_total", help: "How often a bound was reached.",
          kind: .counter, labels: [("bound", bound.rawValue)], value: Double(core.bounds[bound])))
    }
    samples.append(
      MetricSample(
        name: "grpc_server_connections", help: "Open connections.", kind: .gauge,
        value: Double(server.connectionCount)))
    samples.append(
      MetricSample(
        name: "grpc_server_in_flight_limit", help: "Handlers that may be at work at once, now.",
        kind: .gauge,
        value: Double(loops.reduce(0) { $0 + $1.limitFigure.load(ordering: .relaxed) })))
    samples.append(
      MetricSample(
        name: "grpc_server_queue", help: "Calls that wait for a place.", kind: .gauge,
        value: Double(loops.reduce(0) { $0 + $1.queueFigure.load(ordering: .relaxed) })))
    addTLS(to: &samples)
    return samples
  }

  private func addTLS(to samples: inout [MetricSample]) {
    guard let counts = server.identityCounts else { return }
    for (outcome, count) in [("taken", counts.reloads), ("refused", counts.failures)] {
      samples.append(
        MetricSample(
          name: "grpc_server_tls_reloads_total", help: "Changed TLS files, by what came of them.",
          kind: .counter, labels: [("outcome", outcome)], value: Double(count)))
    }
  }
}

extension CallCounters.Row {
  /// The figures of a method, under names that begin alike.
  func samples(_ prefix: String, method: String) -> [MetricSample] {
    let label = (name: "method", value: method)
    var cumulative: UInt64 = 0
    let lengths = zip(CallCounters.bounds, buckets).map { bound, count in
      cumulative &+= count
      return (upperBound: bound == .max ? .infinity : Double(bound) / 1e9, count: cumulative)
    }
    let codes = handled.enumerated().filter { $0.element > 0 }.map { code, count in
      MetricSample(
        name: "\(prefix)_handled_total", help: "Calls answered, by how.", kind: .counter,
        labels: [label, ("code", StatusCode(rawValue: code)?.name ?? "\(code)")],
        value: Double(count))
    }
    return [
      MetricSample(
        name: "\(prefix)_started_total", help: "Calls begun, refused ones included.",
        kind: .counter, labels: [label], value: Double(started))
    ] + codes + [
      MetricSample(
        name: "\(prefix)_handling_seconds",
        help: "Seconds from the head of a request to the end of its answer.",
        kind: .histogram(
          buckets: lengths, sum: Double(nanoseconds) / 1e9, count: cumulative),
        labels: [label], value: Double(cumulative)),
      MetricSample(
        name: "\(prefix)_in_flight", help: "Calls begun and not answered.", kind: .gauge,
        labels: [label], value: Double(inFlight)),
    ]
  }
}
