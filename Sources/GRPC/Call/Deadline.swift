import NIOCore

/// The moment until which an answer is of use; on a monotonic clock, so that no step of the wall
/// clock makes a call expire.
public struct Deadline: Sendable, Hashable, Comparable {
  /// Nanoseconds on the clock of `NIODeadline`.
  let nanoseconds: Int64

  init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// A moment that never comes.
  public static let distantFuture = Deadline(nanoseconds: .max)

  /// The moment that far from now; a negative length is in the past.
  public static func after(_ duration: Duration) -> Deadline {
    now.advanced(by: duration)
  }

  /// This moment.
  public static var now: Deadline {
    Deadline(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
  }

  /// A moment later, or earlier for a negative length; `distantFuture` stays.
  public func advanced(by duration: Duration) -> Deadline {
    guard self != .distantFuture else { return self }
    let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.clampedNanoseconds)
    guard overflow else { return Deadline(nanoseconds: sum) }
    return duration < .zero ? Deadline(nanoseconds: .min) : .distantFuture
  }

  /// How long is left; zero when it has passed.
  public var remaining: Duration {
    guard self != .distantFuture else { return .nanoseconds(Int64.max) }
    let (left, overflow) = nanoseconds.subtractingReportingOverflow(Deadline.now.nanoseconds)
    return overflow || left < 0 ? .zero : .nanoseconds(left)
  }

  /// True once the moment is here.
  public var hasPassed: Bool { self <= .now }

  /// The earlier moment comes first.
  public static func < (lhs: Deadline, rhs: Deadline) -> Bool {
    lhs.nanoseconds < rhs.nanoseconds
  }

  var nio: NIODeadline { .uptimeNanoseconds(UInt64(clamping: nanoseconds)) }
}

extension Duration {
  /// Whole nanoseconds, at the ends of the range where the length does not fit.
  var clampedNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let ends: Int64 = seconds < 0 ? .min : .max
    guard !overflow else { return ends }
    let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    return carried ? ends : sum
  }

  var timeAmount: TimeAmount { .nanoseconds(clampedNanoseconds) }
}
