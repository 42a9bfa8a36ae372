import Synchronization

/// Messages on their way from a connection to the one task that reads them. Compressed ones stay so
/// until they are read, one at a time: many small ones may stand for many large ones.
final class MessageQueue: Sendable {
  private struct Entry {
    let bytes: [UInt8]
    let wasCompressed: Bool
    /// True while it is compressed.
    let isPacked: Bool

    var cost: Int { bytes.count &+ MessageQueue.messageCost }
  }

  private struct State {
    var messages: [Entry] = []
    var start = 0
    var end: Result<Void, RPCError>?
    var waiter: OneShot<Entry?>?

    var isEmpty: Bool { start == messages.count }

    mutating func pop() -> Entry? {
      guard !isEmpty else { return nil }
      let message = messages[start]
      start += 1
      if isEmpty || start > 64 {
        messages.removeFirst(start)
        start = 0
      }
      return message
    }
  }

  /// What a message counts beside its bytes, so that empty ones fill a window too.
  static let messageCost = 64

  private let state = Mutex(State())
  private let inflatedMax: Int
  private let onExcess: @Sendable () -> Void
  private let onTake: @Sendable (Int) -> Void

  /// - Parameters:
  ///   - inflatedMax: most bytes of a compressed message once it is inflated.
  ///   - onExcess: told of each message that has more.
  ///   - onTake: told what each message counts when its reader has it.
  init(
    inflatedMax: Int = 4 << 20, onExcess: @escaping @Sendable () -> Void = {},
    onTake: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.inflatedMax = inflatedMax
    self.onExcess = onExcess
    self.onTake = onTake
  }

  /// True while its reader waits for a message.
  var isAwaited: Bool { state.withLock { $0.waiter != nil } }

  /// Adds a message.
  func push(_ message: ReceivedMessage) {
    push(Entry(bytes: message.bytes, wasCompressed: message.wasCompressed, isPacked: false))
  }

  /// Adds a message as it was received.
  func push(received bytes: [UInt8], isPacked: Bool) {
    push(Entry(bytes: bytes, wasCompressed: isPacked, isPacked: isPacked))
  }

  private func push(_ message: Entry) {
    let waiter = state.withLock { state -> OneShot<Entry?>? in
      guard state.end == nil else { return nil }
      guard let waiter = state.waiter else {
        state.messages.append(message)
        return nil
      }
      state.waiter = nil
      return waiter
    }
    guard let waiter else { return }
    onTake(message.cost)
    waiter.give(.success(message))
  }

  /// Says that no more follow, or that the call failed. Only the first counts.
  ///
  /// - Parameter dropping: forgets what has not been read: nobody has a use for it.
  func finish(_ end: Result<Void, RPCError>, dropping: Bool = false) {
    let waiter = state.withLock { state -> OneShot<Entry?>? in
      guard state.end == nil else { return nil }
      state.end = end
      if dropping {
        state.messages = []
        state.start = 0
      }
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.give(end.map { nil }.mapError { $0 })
  }

  /// The next message; nil after the last. Throws also when it cannot be inflated within bounds.
  func next() async throws -> ReceivedMessage? {
    guard let entry = try await nextEntry() else { return nil }
    guard entry.isPacked else {
      return ReceivedMessage(entry.bytes, wasCompressed: entry.wasCompressed)
    }
    do throws(RPCError) {
      return try Gzip.message(entry.bytes, isPacked: true, limit: inflatedMax)
    } catch {
      if error.code == .resourceExhausted { onExcess() }
      throw error
    }
  }

  private func nextEntry() async throws -> Entry? {
    enum Step {
      case message(Entry)
      case end(Result<Void, RPCError>)
      case wait(OneShot<Entry?>)
    }
    let step = state.withLock { state -> Step in
      if let message = state.pop() { return .message(message) }
      if let end = state.end { return .end(end) }
      let waiter = OneShot<Entry?>()
      state.waiter = waiter
      return .wait(waiter)
    }
    switch step {
    case .message(let message):
      onTake(message.cost)
      return message
    case .end(let end):
      try end.get()
      return nil
    case .wait(let waiter):
      return try await withTaskCancellationHandler {
        try await waiter.take()
      } onCancel: {
        waiter.give(.failure(RPCError(.cancelled, "the reader was cancelled")))
      }
    }
  }
}
