import GRPC
import Postgres

/// What a pool of database connections counts, for `/metrics`.
enum PoolFigures {
  static func samples(_ statistics: PoolStatistics, of pool: String) -> [MetricSample] {
    let connections = [
      ("idle", statistics.connectionsIdle), ("reserved", statistics.connectionsReserved),
      ("ready", statistics.connectionsReady), ("connecting", statistics.connectionsConnecting),
    ].map { state, count in
      sample(
        "postgres_pool_connections",
        "Connections by state; ready counts idle and reserved ones too.",
        .gauge, pool, count, ("state", state))
    }
    let calls = [
      ("done", statistics.callsDone), ("refused", statistics.callsRefused),
      ("unknown", statistics.callsUnknown), ("retried", statistics.callsRetried),
    ].map { outcome, count in
      sample(
        "postgres_calls_total", "Transactions by outcome, and those sent anew.", .counter, pool,
        count, ("outcome", outcome))
    }
    return connections + calls + [
      sample(
        "postgres_pool_waiting", "Calls that wait for a connection.", .gauge, pool,
        statistics.callsWaiting),
      sample(
        "postgres_calls_sent", "Calls whose answers are awaited.", .gauge, pool,
        statistics.callsSent),
      sample(
        "postgres_statements_total", "Statements sent.", .counter, pool, statistics.statementsSent),
      sample(
        "postgres_connections_made_total", "Connections made.", .counter, pool,
        statistics.connectionsMade),
      sample(
        "postgres_connections_lost_total", "Connections that were up and were closed.", .counter,
        pool, statistics.connectionsLost),
      sample(
        "postgres_connect_failures_total", "Attempts to connect that failed.", .counter, pool,
        statistics.connectFailures),
      queueTime(statistics.queueTime, of: pool),
    ]
  }

  private static func sample(
    _ name: String, _ help: String, _ kind: MetricSample.Kind, _ pool: String, _ value: Int,
    _ label: (String, String)? = nil
  ) -> MetricSample {
    var labels = [(name: "pool", value: pool)]
    if let label { labels.append((name: label.0, value: label.1)) }
    return MetricSample(name: name, help: help, kind: kind, labels: labels, value: Double(value))
  }

  private static func queueTime(
    _ times: PoolStatistics.QueueTime, of pool: String
  ) -> MetricSample {
    let bounds = PoolStatistics.QueueTime.boundsMilliseconds.map { Double($0) / 1_000 }
    var sum: UInt64 = 0
    let buckets = zip(bounds + [.infinity], times.counts).map { bound, count in
      sum += UInt64(clamping: count)
      return (upperBound: bound, count: sum)
    }
    return MetricSample(
      name: "postgres_pool_queue_seconds", help: "How long calls waited for a connection.",
      kind: .histogram(buckets: buckets, sum: times.sum / .seconds(1), count: sum),
      labels: [(name: "pool", value: pool)], value: Double(sum))
  }
}
