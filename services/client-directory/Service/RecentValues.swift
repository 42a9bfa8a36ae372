import Foundation
import Synchronization

/// What was lately learnt of organisations, so that a call need not ask for it each time. A change
/// takes effect within its life.
final class RecentValues<Value: Sendable>: Sendable {
  /// Most organisations remembered.
  static var countMax: Int { 1_000 }

  private struct Entry {
    let value: Value
    let until: ContinuousClock.Instant
  }

  private let life: Duration
  private let entries = Mutex<[UUID: Entry]>([:])

  /// - Parameter life: how old a value may be.
  init(life: Duration) { self.life = life }

  /// The value, if it was learnt lately.
  func value(of organization: UUID) -> Value? {
    entries.withLock { entries in
      guard let entry = entries[organization], entry.until > .now else { return nil }
      return entry.value
    }
  }

  /// Remembers a value just learnt. With the cache full, what is stale goes, else everything.
  func remember(_ value: Value, of organization: UUID) {
    let now = ContinuousClock.now
    entries.withLock { entries in
      if entries.count >= Self.countMax, entries[organization] == nil {
        entries = entries.filter { $0.value.until > now }
        if entries.count >= Self.countMax { entries.removeAll(keepingCapacity: true) }
      }
      entries[organization] = Entry(value: value, until: now + life)
    }
  }

  /// Forgets what is known of an organisation.
  func forget(_ organization: UUID) {
    entries.withLock { _ = $0.removeValue(forKey: organization) }
  }
}
