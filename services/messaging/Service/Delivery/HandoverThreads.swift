import Dispatch

/// Threads for work that blocks, so that a mail server which hangs never holds up an event loop or
/// Swift's own threads. Each lane does one thing at a time.
struct HandoverThreads: Sendable {
  private let lanes: [DispatchQueue]

  /// - Parameter lanes: how many things may block at once, 1 or more.
  init(lanes: Int) {
    self.lanes = (0..<max(1, lanes)).map { DispatchQueue(label: "messaging.handover.\($0)") }
  }

  /// How many there are.
  var count: Int { lanes.count }

  /// Does the work on a lane.
  func run<Answer: Sendable>(
    lane: Int, _ work: @escaping @Sendable () -> Answer
  ) async -> Answer {
    let queue = lanes[Int(lane.magnitude % UInt(lanes.count))]
    return await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: work()) }
    }
  }
}
