public import Foundation

/// Ids made by the services: 48 bits of milliseconds and 74 of chance (RFC 9562 §5.7), so that new
/// rows land at the end of an index.
public enum UUIDv7 {
  /// A fresh id.
  ///
  /// - Parameter moment: the time put into it; now unless a test says otherwise.
  public static func make(at moment: Date = Date()) -> UUID {
    var generator = SystemRandomNumberGenerator()
    return make(at: moment, using: &generator)
  }

  /// A fresh id with chance from elsewhere, for tests.
  public static func make(at moment: Date, using generator: inout some RandomNumberGenerator)
    -> UUID
  {
    let milliseconds = UInt64(exactly: (moment.timeIntervalSince1970 * 1000).rounded(.down)) ?? 0
    let high: UInt64 = generator.next()
    let low: UInt64 = generator.next()
    let first = (milliseconds << 16) | 0x7000 | (high & 0x0fff)
    let second = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000
    func byte(_ word: UInt64, _ index: UInt64) -> UInt8 {
      UInt8(truncatingIfNeeded: word >> (56 - 8 * index))
    }
    return UUID(
      uuid: (
        byte(first, 0), byte(first, 1), byte(first, 2), byte(first, 3), byte(first, 4),
        byte(first, 5), byte(first, 6), byte(first, 7), byte(second, 0), byte(second, 1),
        byte(second, 2), byte(second, 3), byte(second, 4), byte(second, 5), byte(second, 6),
        byte(second, 7)
      ))
  }
}

extension UUID {
  /// An id derived from this one, always the same for the same label: a request id for a call that
  /// a repeated call makes again.
  public func derived(_ label: String) -> UUID {
    DerivedID.make(from: self, label: label)
  }
}
