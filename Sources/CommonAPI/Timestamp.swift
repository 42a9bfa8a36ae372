public import FoundationEssentials
public import Protobuf

extension Timestamp {
  /// This moment, by the wall clock.
  public static func now() -> Timestamp { Timestamp(Date()) }

  /// A moment, to the nearest microsecond: a Date of our century tells no more, and the database
  /// keeps no more, so that a stored moment reads as it was answered.
  public init(_ date: Date) {
    let limits = TimeFormat.timestampRange
    let seconds = min(
      max(date.timeIntervalSince1970, Double(limits.lowerBound)), Double(limits.upperBound))
    let micros = Int64((seconds * 1_000_000).rounded())
    let whole = micros.quotientAndRemainder(dividingBy: 1_000_000)
    let carry: Int64 = whole.remainder < 0 ? 1 : 0
    self.init(
      seconds: whole.quotient - carry,
      nanos: Int32(truncatingIfNeeded: (whole.remainder + carry * 1_000_000) * 1000))
  }

  /// The moment as a Date, exact to about a microsecond.
  public var date: Date {
    Date(timeIntervalSince1970: Double(seconds) + Double(nanos) / 1_000_000_000)
  }

  /// RFC 3339.
  public init(json: JSONValue) throws(JSONMappingError) {
    guard case .string(let text) = json, let time = TimeFormat.timestamp(text) else {
      throw JSONMappingError("must be an RFC 3339 time, such as \"2026-01-31T10:00:00Z\"")
    }
    self.init(seconds: time.seconds, nanos: time.nanos)
  }

  /// RFC 3339 in UTC; null outside the years 1 to 9999.
  public var json: JSONValue {
    TimeFormat.timestamp(seconds: seconds, nanos: nanos).map(JSONValue.string) ?? .null
  }
}

extension Timestamp: Comparable {
  public static func < (one: Timestamp, other: Timestamp) -> Bool {
    (one.seconds, one.nanos) < (other.seconds, other.nanos)
  }
}
