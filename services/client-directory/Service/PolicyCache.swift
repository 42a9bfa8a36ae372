import Foundation
import OrganizationAPI
import Synchronization

/// Policies as lately seen, so that a call need not ask for one each time. A change takes effect
/// within `life`.
final class PolicyCache: Sendable {
  /// How old a policy may be.
  static let life = Duration.seconds(5)
  /// Most organisations remembered.
  static let countMax = 1_000

  private struct Entry {
    let policy: Policy
    let until: ContinuousClock.Instant
  }

  private let entries = Mutex<[UUID: Entry]>([:])

  /// The policy, if it was seen lately.
  func policy(of organization: UUID) -> Policy? {
    entries.withLock { entries in
      guard let entry = entries[organization], entry.until > .now else { return nil }
      return entry.policy
    }
  }

  /// Remembers a policy just read. With the cache full, what is stale goes, else everything.
  func remember(_ policy: Policy, of organization: UUID) {
    let now = ContinuousClock.now
    entries.withLock { entries in
      if entries.count >= Self.countMax, entries[organization] == nil {
        entries = entries.filter { $0.value.until > now }
        if entries.count >= Self.countMax { entries.removeAll(keepingCapacity: true) }
      }
      entries[organization] = Entry(policy: policy, until: now + Self.life)
    }
  }
}
