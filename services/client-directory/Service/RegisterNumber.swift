import ClientDirectoryAPI

/// A valid register number: its digits, how it is written, how it is shown to whoever need not know it.
///
/// It has no description: it is not to be printed.
struct RegisterNumber: Sendable, Hashable {
  let kind: IdentifierKind
  /// Digits alone, for comparing.
  let digits: String

  /// Nil when the text is no number of the kind. Blanks, dots, dashes and slashes are taken out.
  /// - Parameter year: this year; nobody is born later.
  init?(_ text: String, _ kind: IdentifierKind, year: Int) {
    guard let digits = Self.digits(in: text) else { return nil }
    switch kind {
    case .nationalNumber, .partnerNationalNumber:
      guard Self.isNationalNumber(digits, year: year) else { return nil }
    case .socialInsuranceNumber:
      guard Self.isSocialInsuranceNumber(digits) else { return nil }
    case .unspecified, .unrecognized:
      return nil
    }
    self.kind = kind
    self.digits = digits.map(String.init).joined()
  }

  private static func digits(in text: String) -> [Int]? {
    guard text.utf8.count <= 40 else { return nil }
    let separators: Set<Character> = [" ", "\u{00a0}", "\u{202f}", ".", "-", "/"]
    var digits: [Int] = []
    for character in text where !separators.contains(character) {
      guard character.isASCII, let digit = character.wholeNumberValue else { return nil }
      digits.append(digit)
    }
    return digits
  }

  /// Eleven digits: date of birth, a counter for the day, and 97 less the rest of the first nine by 97,
  /// which a 2 precedes for births from 2000 on. Bis numbers have 20 or 40 added to the month.
  private static func isNationalNumber(_ digits: [Int], year: Int) -> Bool {
    guard digits.count == 11 else { return false }
    let number = value(digits[..<9])
    let check = value(digits[9...])
    let born: Int
    // The two cannot both hold, since 2 000 000 000 is no multiple of 97.
    if check == 97 - number % 97 {
      born = 1900 + value(digits[..<2])
    } else if check == 97 - (2_000_000_000 + number) % 97 {
      born = 2000 + value(digits[..<2])
    } else {
      return false
    }
    let month =
      switch value(digits[2..<4]) {
      case let bis where bis >= 40: bis - 40
      case let bis where bis >= 20: bis - 20
      case let month: month
      }
    return born <= year && isDay(value(digits[4..<6]), month: month, year: born)
      && (1...998).contains(value(digits[6..<9]))
  }

  /// Whether there is such a day; a month or a day of 0 is not known.
  private static func isDay(_ day: Int, month: Int, year: Int) -> Bool {
    let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    let days = [31, 31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return days.indices.contains(month) && day <= days[month]
  }

  /// Nine digits by Luhn's rule; none begins with 0 or 8, those of temporary residents with 9.
  private static func isSocialInsuranceNumber(_ digits: [Int]) -> Bool {
    guard digits.count == 9, digits[0] != 0, digits[0] != 8 else { return false }
    let sum = digits.enumerated().reduce(0) { sum, digit in
      let doubled = digit.offset.isMultiple(of: 2) ? digit.element : digit.element * 2
      return sum + (doubled > 9 ? doubled - 9 : doubled)
    }
    return sum.isMultiple(of: 10)
  }

  private static func value(_ digits: ArraySlice<Int>) -> Int {
    digits.reduce(0) { $0 * 10 + $1 }
  }

  /// As people write it.
  var written: String { spelled(hiding: 0) }

  /// As it is shown: the last two digits of a national number, the last three of a SIN.
  var masked: String { spelled(hiding: kind == .socialInsuranceNumber ? 6 : 9) }

  private func spelled(hiding hidden: Int) -> String {
    let pattern = kind == .socialInsuranceNumber ? "000-000-000" : "00.00.00-000.00"
    var rest = Array(String(repeating: "*", count: hidden) + digits.dropFirst(hidden))[...]
    return String(pattern.map { $0 == "0" ? rest.popFirst() ?? "*" : $0 })
  }

  /// Whether a text may hold a register number: nine digits in a row, or with separators between.
  static func mayStand(in text: String) -> Bool {
    var run = 0
    for character in text {
      if character.isNumber {
        run += 1
        if run >= 9 { return true }
      } else if character.isLetter {
        run = 0
      }
    }
    return false
  }
}
