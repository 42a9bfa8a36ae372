import CommonAPI
import NIOCore
import Protobuf

/// What a watch over the health of a server hears.
enum HealthNews {
  /// A serialised `HealthCheckResponse`.
  case message([UInt8])
  case ended(RPCError)
}

// A connection asks its server for its health, and goes on asking for as long as it lasts.
extension ClientConnection {
  /// Begins to watch; tells the channel whatever changes.
  func watchHealth(of service: String) {
    let call = ClientCall(
      path: HealthMethods.watch.path, options: CallOptions(), deadline: .distantFuture,
      kind: .watch(
        request: HealthCheckRequest(service: service).serialized(),
        tell: { [weak self] news in self?.hear(news, of: service) }),
      settings: settings, metrics: owner.metrics)
    guard start(call) else { return owner.isServing(self, false) }
    watch = call
    // A server that says nothing is not known to be well.
    owner.loop.scheduleTask(in: settings.connectTimeout.timeAmount) { [weak self] in
      guard let self, !isHealthKnown, takesCalls else { return }
      owner.isServing(self, false)
    }
  }

  private func hear(_ news: HealthNews, of service: String) {
    guard takesCalls else { return }
    isHealthKnown = true
    switch news {
    case .message(let bytes):
      let response = try? bytes.withUnsafeBytes { try HealthCheckResponse(serialized: $0) }
      owner.isServing(self, response?.status == .serving)
    case .ended(let error) where error.code == .unimplemented:
      owner.isServing(self, true)
    case .ended:
      owner.isServing(self, false)
      let pause = settings.longestBackoff * Double.random(in: 0.8...1.2)
      owner.loop.scheduleTask(in: pause.timeAmount) { [weak self] in
        guard let self, takesCalls, watch == nil else { return }
        watchHealth(of: service)
      }
    }
  }

  func stopWatching() {
    guard let watch else { return }
    abandon(watch, RPCError(.cancelled, "the connection takes no more calls"))
  }
}
