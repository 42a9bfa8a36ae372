import Dispatch
import Synchronization

/// Threads for work that blocks, so that a server which hangs never holds up an event loop or
/// Swift's own threads. Each lane does one thing at a time.
final class HandoverThreads: Sendable {
  private let lanes: [DispatchQueue]
  private let free: Mutex<[Int]>

  /// - Parameter lanes: how many things may block at once, 1 or more.
  init(lanes: Int) {
    self.lanes = (0..<max(1, lanes)).map { DispatchQueue(label: "messaging.handover.\($0)") }
    free = Mutex(Array(self.lanes.indices))
  }

  /// Does the work on a free lane, else behind what blocks one.
  func run<Answer: Sendable>(_ work: @escaping @Sendable () -> Answer) async -> Answer {
    let taken = free.withLock { $0.popLast() }
    defer { if let taken { free.withLock { $0.append(taken) } } }
    let lane = lanes[taken ?? Int.random(in: lanes.indices)]
    return await withCheckedContinuation { continuation in
      lane.async { continuation.resume(returning: work()) }
    }
  }
}
