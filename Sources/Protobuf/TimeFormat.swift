/// The JSON forms of google.protobuf.Timestamp and Duration.
public enum TimeFormat {
  /// Seconds since 1970 and nanoseconds, 0 to 999 999 999, from "2026-01-31T10:00:00.5+01:00".
  /// Nil when it is not RFC 3339 between the years 1 and 9999.
  public static func timestamp(_ text: String) -> (seconds: Int64, nanos: Int32)? {
    var reader = TimeReader(text)
    guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2),
      reader.skip("-"), let day = reader.number(2), reader.skip("T"),
      let hour = reader.number(2), reader.skip(":"), let minute = reader.number(2),
      reader.skip(":"), let second = reader.number(2), let nanos = reader.fraction(),
      let shift = reader.zone(), reader.isAtEnd
    else { return nil }
    guard (1...9999).contains(year), (1...12).contains(month),
      (1...Self.days(inMonth: month, year: year)).contains(day), hour < 24, minute < 60,
      second < 60
    else { return nil }
    let days = Self.days(year: year, month: month, day: day)
    let seconds = Int64(((days * 24 + hour) * 60 + minute) * 60 + second - shift)
    guard timestampRange.contains(seconds) else { return nil }
    return (seconds, Int32(nanos))
  }

  /// Years 1 to 9999.
  public static let timestampRange: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

  /// "2026-01-31T09:00:00.500Z" with 0, 3, 6 or 9 digits; nil outside the years 1 to 9999.
  public static func timestamp(seconds: Int64, nanos: Int32) -> String? {
    guard timestampRange.contains(seconds), (0...999_999_999).contains(nanos) else { return nil }
    let sinceYear1 = Int(seconds) + 62_135_596_800
    let (year, month, day) = date(sinceYear1 / 86_400)
    let second = sinceYear1 % 86_400
    return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(day, 2) + "T" + pad(second / 3600, 2)
      + ":"
      + pad(second / 60 % 60, 2) + ":" + pad(second % 60, 2) + fraction(nanos) + "Z"
  }

  /// Seconds and nanoseconds of one sign, from "-1.5s". Nil past 315 576 000 000 s.
  public static func duration(_ text: String) -> (seconds: Int64, nanos: Int32)? {
    var reader = TimeReader(text)
    let isNegative = reader.skip("-")
    guard let seconds = reader.digits(), let nanos = reader.fraction(), reader.skip("s"),
      reader.isAtEnd, seconds <= 315_576_000_000
    else { return nil }
    return isNegative ? (Int64(-seconds), Int32(-nanos)) : (Int64(seconds), Int32(nanos))
  }

  /// "1.500s" with 0, 3, 6 or 9 digits; nil when out of range or of two signs.
  public static func duration(seconds: Int64, nanos: Int32) -> String? {
    guard (-315_576_000_000...315_576_000_000).contains(seconds),
      (-999_999_999...999_999_999).contains(nanos),
      seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
    else { return nil }
    let sign = seconds < 0 || nanos < 0 ? "-" : ""
    return sign + String(abs(seconds)) + fraction(abs(nanos)) + "s"
  }

  private static func pad(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(width - text.count, 0)) + text
  }

  private static func fraction(_ nanos: Int32) -> String {
    if nanos == 0 { return "" }
    if nanos % 1_000_000 == 0 { return "." + pad(Int(nanos / 1_000_000), 3) }
    if nanos % 1_000 == 0 { return "." + pad(Int(nanos / 1_000), 6) }
    return "." + pad(Int(nanos), 9)
  }

  // MARK: The proleptic Gregorian calendar

  private static func isLeap(_ year: Int) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  private static func days(inMonth month: Int, year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from 1970-01-01.
  private static func days(year: Int, month: Int, day: Int) -> Int {
    let before = year - 1
    var days = before * 365 + before / 4 - before / 100 + before / 400 - 719_162
    for earlier in 1..<month { days += Self.days(inMonth: earlier, year: year) }
    return days + day - 1
  }

  /// The date that many days after 0001-01-01.
  private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
    // 400 years have 146 097 days; the estimate is never too high and at most a year too low.
    var year = days * 400 / 146_097 + 1
    var rest = days - 719_162 - Self.days(year: year, month: 1, day: 1)
    while rest < 0 {
      year -= 1
      rest += isLeap(year) ? 366 : 365
    }
    while rest >= (isLeap(year) ? 366 : 365) {
      rest -= isLeap(year) ? 366 : 365
      year += 1
    }
    var month = 1
    while rest >= Self.days(inMonth: month, year: year) {
      rest -= Self.days(inMonth: month, year: year)
      month += 1
    }
    return (year, month, rest + 1)
  }
}

/// Reads the parts of a time from left to right.
private struct TimeReader {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = text.utf8[...] }

  var isAtEnd: Bool { rest.isEmpty }

  /// Exactly `count` digits.
  mutating func number(_ count: Int) -> Int? {
    guard rest.count >= count else { return nil }
    var value = 0
    for _ in 0..<count {
      guard let digit = digit() else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// One to 12 digits.
  mutating func digits() -> Int? {
    guard var value = digit() else { return nil }
    for _ in 0..<12 {
      guard let next = digit() else { return value }
      value = value * 10 + next
    }
    return nil
  }

  private mutating func digit() -> Int? {
    guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
      return nil
    }
    rest.removeFirst()
    return Int(byte) - 0x30
  }

  mutating func skip(_ character: Character) -> Bool {
    guard let byte = rest.first, byte == character.asciiValue else { return false }
    rest.removeFirst()
    return true
  }

  /// Nanoseconds: 0 without a point, one to nine digits after it.
  mutating func fraction() -> Int? {
    guard skip(".") else { return 0 }
    var value = 0
    var count = 0
    while let digit = digit() {
      guard count < 9 else { return nil }
      value = value * 10 + digit
      count += 1
    }
    guard count > 0 else { return nil }
    for _ in count..<9 { value *= 10 }
    return value
  }

  /// Seconds east of UTC.
  mutating func zone() -> Int? {
    if skip("Z") { return 0 }
    let sign = skip("-") ? -1 : 1
    guard sign == -1 || skip("+"), let hours = number(2), skip(":"), let minutes = number(2),
      hours < 24, minutes < 60
    else { return nil }
    return sign * (hours * 60 + minutes) * 60
  }
}
