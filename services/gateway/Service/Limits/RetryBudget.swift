import Synchronization

/// Keeps retries from adding to an overload: each failure costs a token, each success gives a tenth
/// back, and below half of them nothing is tried again.
final class RetryBudget: Sendable {
  private static let full = 10.0
  private let tokens = Mutex(full)

  init() {}

  /// A call succeeded.
  func succeeded() {
    tokens.withLock { $0 = min($0 + 0.1, Self.full) }
  }

  /// A call failed in a way that may pass. True when it may be tried again.
  func failed() -> Bool {
    tokens.withLock {
      $0 = max($0 - 1, 0)
      return $0 > Self.full / 2
    }
  }
}
