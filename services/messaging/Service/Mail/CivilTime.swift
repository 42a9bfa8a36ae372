import Foundation

/// A moment as people and mail headers write it; always UTC, without the machine's locale.
struct CivilTime: Sendable {
  let year: Int
  let month: Int
  let day: Int
  let weekday: Int
  let hour: Int
  let minute: Int
  let second: Int

  init(_ date: Date) {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let parts = calendar.dateComponents(
      [.year, .month, .day, .weekday, .hour, .minute, .second], from: date)
    year = parts.year ?? 1970
    month = parts.month ?? 1
    day = parts.day ?? 1
    weekday = parts.weekday ?? 1
    hour = parts.hour ?? 0
    minute = parts.minute ?? 0
    second = parts.second ?? 0
  }

  /// RFC 5322: `Sat, 21 Nov 2026 22:40:05 +0000`.
  var mailDate: String {
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    return "\(Self.name(days, weekday)), \(day) \(Self.name(months, month)) \(year) "
      + "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second)) +0000"
  }

  /// For names of files: `20261121T224005Z`.
  var compact: String {
    "\(year)\(Self.two(month))\(Self.two(day))T\(Self.two(hour))\(Self.two(minute))\(Self.two(second))Z"
  }

  /// For people, such as `28 November 2026, 14:05 (UTC)`.
  func spoken(in language: MailLanguage) -> String {
    let time = "\(Self.two(hour)):\(Self.two(minute)) (UTC)"
    return switch language {
    case .english: "\(day) \(Self.name(Self.english, month)) \(year), \(time)"
    case .french:
      "\(day == 1 ? "1er" : "\(day)") \(Self.name(Self.french, month)) \(year) à \(time)"
    case .dutch: "\(day) \(Self.name(Self.dutch, month)) \(year) om \(time)"
    }
  }

  private static func name(_ names: [String], _ number: Int) -> String {
    (1...names.count).contains(number) ? names[number - 1] : "?"
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static let english = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
  ]
  private static let french = [
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
  ]
  private static let dutch = [
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
    "oktober", "november", "december",
  ]
}
