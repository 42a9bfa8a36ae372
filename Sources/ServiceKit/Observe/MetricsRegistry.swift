public import GRPC
public import Metrics
import Synchronization

/// The figures of a process that libraries and our own code report through swift-metrics.
///
/// At most 2,000 series are kept: a label that takes many values must not fill the memory. What is
/// beyond goes nowhere and is counted.
public final class MetricsRegistry: MetricsFactory {
  /// Series kept.
  public static let seriesMax = 2_000
  /// Of this process; `install()` makes it the one that swift-metrics reports to.
  public static let process = MetricsRegistry()

  private struct State {
    var series: [Identity: Series] = [:]
    var refused: UInt64 = 0
  }

  private struct Identity: Hashable {
    let name: String
    let labels: [String]
  }

  private let state = Mutex(State())

  /// Without any series.
  public init() {}

  /// Has everything that is reported through swift-metrics arrive here. Once a process.
  public func install() { MetricsSystem.bootstrap(self) }

  /// Every figure as it stands.
  public func samples() -> [MetricSample] {
    let (all, refused) = state.withLock { (Array($0.series.values), $0.refused) }
    return all.map(\.sample) + [
      MetricSample(
        name: "clientele_metric_series_refused_total",
        help: "Series that were not kept, since there were too many.", kind: .counter,
        value: Double(refused))
    ]
  }

  private func series(
    _ name: String, _ labels: [(String, String)], _ shape: Series.Shape
  ) -> Series {
    let labels = labels.sorted { $0.0 < $1.0 }
    let identity = Identity(name: name, labels: labels.flatMap { [$0.0, $0.1] })
    return state.withLock { state in
      if let known = state.series[identity], known.shape == shape { return known }
      let new = Series(name, labels, shape)
      if state.series.count < Self.seriesMax, state.series[identity] == nil {
        state.series[identity] = new
      } else {
        state.refused += 1
      }
      return new
    }
  }

  private func forget(_ handler: AnyObject) {
    state.withLock { $0.series = $0.series.filter { $0.value !== handler } }
  }

  // MARK: MetricsFactory

  /// Something that only grows.
  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    series(label, dimensions, .counter)
  }

  /// Something that only grows, by fractions too.
  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    series(label, dimensions, .counter)
  }

  /// Something that goes up and down.
  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    series(label, dimensions, .gauge)
  }

  /// A distribution, or the last value.
  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    series(label, dimensions, aggregate ? .sizes : .gauge)
  }

  /// A distribution of times, told in seconds.
  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    series(label, dimensions, .times)
  }

  public func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
    forget(handler)
  }
  public func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
  public func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
  public func destroyTimer(_ handler: any TimerHandler) { forget(handler) }
}

/// One series: a number, or a distribution.
final class Series: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler,
  TimerHandler
{
  enum Shape: Hashable {
    case counter, gauge, times, sizes

    /// Upper bounds of the buckets, the infinite one not among them.
    var bounds: [Double] {
      switch self {
      case .counter, .gauge: []
      case .times: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
      case .sizes: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]
      }
    }
  }

  private struct State {
    var value = 0.0
    var counts: [UInt64]
  }

  let shape: Shape
  private let name: String
  private let labels: [(name: String, value: String)]
  private let state: Mutex<State>

  init(_ name: String, _ labels: [(String, String)], _ shape: Shape) {
    self.name = name
    self.labels = labels.map { (name: $0.0, value: $0.1) }
    self.shape = shape
    state = Mutex(State(counts: [UInt64](repeating: 0, count: shape.bounds.count + 1)))
  }

  var sample: MetricSample {
    let (value, counts) = state.withLock { ($0.value, $0.counts) }
    let help = "Reported by a library of the process."
    switch shape {
    case .counter:
      let full = name.hasSuffix("_total") ? name : name + "_total"
      return MetricSample(name: full, help: help, kind: .counter, labels: labels, value: value)
    case .gauge:
      return MetricSample(name: name, help: help, kind: .gauge, labels: labels, value: value)
    case .times, .sizes:
      var sum: UInt64 = 0
      let buckets = zip(shape.bounds + [.infinity], counts).map { bound, count in
        sum += count
        return (upperBound: bound, count: sum)
      }
      let full = shape == .times && !name.hasSuffix("_seconds") ? name + "_seconds" : name
      return MetricSample(
        name: full, help: help, kind: .histogram(buckets: buckets, sum: value, count: sum),
        labels: labels, value: Double(sum))
    }
  }

  private func add(_ amount: Double) { state.withLock { $0.value += amount } }

  private func observe(_ value: Double) {
    let slot = shape.bounds.firstIndex { value <= $0 } ?? shape.bounds.count
    state.withLock { state in
      state.value += value
      state.counts[slot] &+= 1
    }
  }

  func increment(by amount: Int64) { add(Double(amount)) }
  func increment(by amount: Double) { add(amount) }
  func decrement(by amount: Double) { add(-amount) }
  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { state.withLock { $0.value = value } }
  func reset() { set(0.0) }
  func record(_ value: Int64) { record(Double(value)) }
  func record(_ value: Double) { if shape == .gauge { set(value) } else { observe(value) } }
  func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1e9) }
}
