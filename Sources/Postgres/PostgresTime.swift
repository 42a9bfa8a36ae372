public import FoundationEssentials

/// PostgreSQL counts from the first moment of 2000, UTC; Unix from that of 1970.
private let epochOffsetSeconds: Int64 = 946_684_800
private let epochOffsetDays: Int32 = 10957

/// A moment with PostgreSQL's own precision, for what must survive a round trip exactly (page
/// tokens, etags). `Date` serves everything else.
public struct PostgresTimestamp: PostgresValue, Hashable, Comparable {
  /// Microseconds since 1970, UTC.
  public var microseconds: Int64

  /// Wraps microseconds since 1970.
  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// The nearest microsecond; far-off dates are held at the ends of the range.
  public init(_ date: Date) {
    let microseconds = (date.timeIntervalSince1970 * 1_000_000).rounded()
    self.microseconds =
      Int64(exactly: microseconds) ?? (microseconds < 0 ? Int64.min / 4 : Int64.max / 4)
  }

  /// The moment as a date.
  public var date: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }

  public static var parameterType: UInt32 { PostgresType.timestamptz }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.timestamptz }

  public func encode(into bytes: inout [UInt8]) {
    bytes.appendBigEndian(microseconds &- epochOffsetSeconds &* 1_000_000)
  }

  public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> PostgresTimestamp {
    let bytes = try present(bytes, count: 8)
    let since2000 = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    let (microseconds, overflow) = since2000.addingReportingOverflow(
      epochOffsetSeconds * 1_000_000)
    guard !overflow, since2000 != .min else { throw .decoding("a timestamp out of range") }
    return PostgresTimestamp(microseconds: microseconds)
  }

  public static func < (left: PostgresTimestamp, right: PostgresTimestamp) -> Bool {
    left.microseconds < right.microseconds
  }
}

extension Date: PostgresValue {
  public static var parameterType: UInt32 { PostgresType.timestamptz }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.timestamptz }

  public func encode(into bytes: inout [UInt8]) { PostgresTimestamp(self).encode(into: &bytes) }

  public static func decode(_ bytes: UnsafeRawBufferPointer?) throws(PostgresError) -> Date {
    try PostgresTimestamp.decode(bytes).date
  }
}

/// A calendar day without time or zone (`date`).
public struct PostgresDate: PostgresValue, Hashable, Comparable {
  /// Days since 1970-01-01.
  public var daysSince1970: Int32

  /// Wraps days since 1970-01-01.
  public init(daysSince1970: Int32) { self.daysSince1970 = daysSince1970 }

  /// A day of the proleptic Gregorian calendar; nil when there is no such day.
  /// - Parameters: `year` 1…9999, `month` 1…12, `day` 1…31.
  public init?(year: Int, month: Int, day: Int) {
    guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else {
      return nil
    }
    // Howard Hinnant's days_from_civil: years start in March so that the leap day comes last.
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    daysSince1970 = Int32(truncatingIfNeeded: era * 146_097 + dayOfEra - 719_468)
    guard components == (year, month, day) else { return nil }
  }

  /// Year, month and day of the proleptic Gregorian calendar.
  public var components: (year: Int, month: Int, day: Int) {
    let shifted = Int(daysSince1970) + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  public static var parameterType: UInt32 { PostgresType.date }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.date }

  public func encode(into bytes: inout [UInt8]) {
    bytes.appendBigEndian(daysSince1970 &- epochOffsetDays)
  }

  public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> PostgresDate {
    let bytes = try present(bytes, count: 4)
    let since2000 = Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))
    let (days, overflow) = since2000.addingReportingOverflow(epochOffsetDays)
    guard !overflow, since2000 != .min else { throw .decoding("a date out of range") }
    return PostgresDate(daysSince1970: days)
  }

  public static func < (left: PostgresDate, right: PostgresDate) -> Bool {
    left.daysSince1970 < right.daysSince1970
  }
}
