/// A number of the JSON grammar, read exactly.
struct Decimal {
  private let isNegative: Bool
  /// Significant digits, without leading zeroes.
  private let digits: [UInt8]
  /// The value is `0.digits × 10^exponent`.
  private let exponent: Int

  /// Nil when the text is not a JSON number of at most 32 characters.
  init?(_ text: String) {
    var rest = text.utf8[...]
    guard rest.count <= 32 else { return nil }
    isNegative = rest.first == UInt8(ascii: "-")
    if isNegative { rest.removeFirst() }
    let whole = Decimal.digits(&rest)
    guard !whole.isEmpty, whole.count == 1 || whole.first != 0 else { return nil }
    var fraction: [UInt8] = []
    if rest.first == UInt8(ascii: ".") {
      rest.removeFirst()
      fraction = Decimal.digits(&rest)
      guard !fraction.isEmpty else { return nil }
    }
    var power = 0
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest.removeFirst()
      var sign = 1
      if rest.first == UInt8(ascii: "-") { sign = -1 }
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
      let written = Decimal.digits(&rest)
      guard !written.isEmpty else { return nil }
      // Past 9999 every value is zero or out of range alike.
      power = sign * written.reduce(0) { min($0 * 10 + Int($1), 9999) }
    }
    guard rest.isEmpty else { return nil }
    let all = whole + fraction
    let significant = all.drop { $0 == 0 }
    digits = Array(significant)
    exponent = whole.count - (all.count - significant.count) + power
  }

  private static func digits(_ rest: inout Substring.UTF8View) -> [UInt8] {
    var digits: [UInt8] = []
    while let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      digits.append(byte - UInt8(ascii: "0"))
      rest.removeFirst()
    }
    return digits
  }

  /// The value when it is whole and fits.
  func integer<Value: FixedWidthInteger>() -> Value? {
    guard let last = digits.lastIndex(where: { $0 != 0 }) else { return 0 }
    guard exponent > last, exponent <= 20 else { return nil }
    var value: Value = 0
    for place in 0..<exponent {
      let digit = place < digits.count ? digits[place] : 0
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
      guard !overflow else { return nil }
      let (next, carry) =
        isNegative
        ? shifted.subtractingReportingOverflow(Value(digit))
        : shifted.addingReportingOverflow(Value(digit))
      guard !carry else { return nil }
      value = next
    }
    return value
  }
}
