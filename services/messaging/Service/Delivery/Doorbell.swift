/// Wakes the delivery worker. However often it is rung while nobody listens, it is heard once.
struct Doorbell: Sendable {
  let rings: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  /// A bell for one listener.
  init() {
    (rings, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Says that there may be something to do.
  func ring() { continuation.yield() }
}
