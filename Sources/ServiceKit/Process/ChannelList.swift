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
