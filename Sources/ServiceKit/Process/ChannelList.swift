import GRPC
import Synchronization

/// The channels that were opened, so that all of them are closed in the end.
final class ChannelList: Sendable {
  private let channels = Mutex<[ClientChannel]>([])

  func add(_ channel: ClientChannel) {
    channels.withLock { $0.append(channel) }
  }

  /// What the channels count.
  func samples() -> [MetricSample] {
    channels.withLock { $0 }.flatMap { $0.metrics.samples() }
  }

  func close() async {
    for channel in channels.withLock({ $0 }) { await channel.close() }
  }
}

/// What tells figures of itself.
final class FigureList: Sendable {
  private let sources = Mutex<[@Sendable () async -> [MetricSample]]>([])

  func add(_ source: @escaping @Sendable () async -> [MetricSample]) {
    sources.withLock { $0.append(source) }
  }

  func samples() async -> [MetricSample] {
    var samples: [MetricSample] = []
    for source in sources.withLock({ $0 }) { samples += await source() }
    return samples
  }
}
