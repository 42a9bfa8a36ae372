/// A phone number in E.164 (ITU-T): `+`, a country code, at most 15 digits in all.
///
/// Where the length of a country's national numbers is known it is checked; whether a number is in
/// use, or a mobile one, is not.
struct PhoneNumber: Sendable, Hashable {
  /// `+` and digits.
  let e164: String

  /// Digits that may follow some country codes; others take 4 to 14.
  private static let nationalLengths: [(code: String, digits: ClosedRange<Int>)] = [
    ("1", 10...10), ("31", 9...9), ("32", 8...9), ("33", 9...9), ("352", 4...11), ("41", 9...9),
    ("44", 9...10), ("49", 6...13), ("34", 9...9), ("39", 6...12),
  ]

  /// Nil when the text is no number with its country code. Blanks, dots, dashes, slashes and
  /// brackets are taken out; a leading `00` counts as `+`.
  init?(_ text: String) {
    guard text.utf8.count <= 40 else { return nil }
    let separators: Set<Character> = [" ", "\u{00a0}", "\u{202f}", ".", "-", "/", "(", ")"]
    var digits = text.filter { !separators.contains($0) }
    if digits.hasPrefix("+") {
      digits.removeFirst()
    } else if digits.hasPrefix("00") {
      digits.removeFirst(2)
    } else {
      return nil
    }
    guard (7...15).contains(digits.utf8.count), digits.first != "0",
      digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    for (code, lengths) in Self.nationalLengths where digits.hasPrefix(code) {
      guard lengths.contains(digits.utf8.count - code.utf8.count) else { return nil }
    }
    e164 = "+\(digits)"
  }
}
