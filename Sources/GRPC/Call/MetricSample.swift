/// One figure that a server or a channel tells of itself, at the moment it was asked for.
public struct MetricSample: Sendable {
  /// What kind of figure it is.
  public enum Kind: Sendable {
    /// Only grows.
    case counter
    /// Goes up and down.
    case gauge
    /// How often something took how long. The counts of the buckets are cumulative, as Prometheus
    /// has them; the last bound is infinite.
    case histogram(
      buckets: [(upperBound: Double, count: UInt64)], sum: Double, count: UInt64)
  }

  /// Such as `grpc_server_started_total`.
  public let name: String
  /// A sentence for people.
  public let help: String
  /// What kind of figure it is.
  public let kind: Kind
  /// What tells it from others of the same name.
  public let labels: [(name: String, value: String)]
  /// The figure; the number of observations for a histogram. Seconds for times, bytes for sizes.
  public let value: Double

  /// Puts a figure together.
  public init(
    name: String, help: String, kind: Kind, labels: [(name: String, value: String)] = [],
    value: Double
  ) {
    self.name = name
    self.help = help
    self.kind = kind
    self.labels = labels
    self.value = value
  }
}
