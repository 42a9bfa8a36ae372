public import FoundationEssentials
public import Protobuf

extension Timestamp {
  /// This moment, by the wall clock.
  public static func now() -> Timestamp { Timestamp(Date()) }

  /// A moment; nanoseconds are rounded down to what a Date can tell.
  public init(_ date: Date) {
    let seconds = date.timeIntervalSince1970
    let whole = seconds.rounded(.down)
    let limits = TimeFormat.timestampRange
    let clamped = min(max(whole, Double(limits.lowerBound)), Double(limits.upperBound))
    // A Date holds about a microsecond of our century; more digits would be noise.
    let micros = ((seconds - whole) * 1_000_000).rounded(.down)
    self.init(
      seconds: Int64(clamped), nanos: Int32(min(max(micros, 0), 999_999)) * 1000)
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
