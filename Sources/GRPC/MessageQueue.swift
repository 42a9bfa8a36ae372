import Synchronization

/// Messages on their way from a connection to the one task that reads them.
final class MessageQueue: Sendable {
  private struct State {
    var messages: [ReceivedMessage] = []
    var start = 0
    var end: Result<Void, RPCError>?
    var waiter: OneShot<ReceivedMessage?>?

    var isEmpty: Bool { start == messages.count }

    mutating func pop() -> ReceivedMessage? {
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
  private let onTake: @Sendable (Int) -> Void

  /// - Parameter onTake: told what each message counts when its reader has it.
  init(onTake: @escaping @Sendable (Int) -> Void = { _ in }) {
    self.onTake = onTake
  }

  /// Adds a message.
  func push(_ message: ReceivedMessage) {
    let waiter = state.withLock { state -> OneShot<ReceivedMessage?>? in
      guard state.end == nil else { return nil }
      guard let waiter = state.waiter else {
        state.messages.append(message)
        return nil
      }
      state.waiter = nil
      return waiter
    }
    guard let waiter else { return }
    onTake(message.bytes.count &+ Self.messageCost)
    waiter.give(.success(message))
  }

  /// Says that no more follow, or that the call failed. Only the first counts.
  ///
  /// - Parameter dropping: forgets what has not been read: nobody has a use for it.
  func finish(_ end: Result<Void, RPCError>, dropping: Bool = false) {
    let waiter = state.withLock { state -> OneShot<ReceivedMessage?>? in
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

  /// The next message; nil after the last.
  func next() async throws -> ReceivedMessage? {
    enum Step {
      case message(ReceivedMessage)
      case end(Result<Void, RPCError>)
      case wait(OneShot<ReceivedMessage?>)
    }
    let step = state.withLock { state -> Step in
      if let message = state.pop() { return .message(message) }
      if let end = state.end { return .end(end) }
      let waiter = OneShot<ReceivedMessage?>()
      state.waiter = waiter
      return .wait(waiter)
    }
    switch step {
    case .message(let message):
      onTake(message.bytes.count &+ Self.messageCost)
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
