public import Foundation

/// The wall clock, handed in so that tests can set it.
public struct ServiceClock: Sendable {
  /// The moment it is.
  public let now: @Sendable () -> Date

  /// A clock that a test winds.
  public init(now: @escaping @Sendable () -> Date) {
    self.now = now
  }

  /// The machine's clock.
  public static let system = ServiceClock { Date() }
}
