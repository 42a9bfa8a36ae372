/// An exact decimal number (`numeric`), as PostgreSQL has it: no rounding, whatever its length.
///
/// `1.0` and `1.00` are equal, but each is written as it was. PostgreSQL's NaN and infinities are
/// no decimal numbers: reading one throws `PostgresError.decoding`.
public struct PostgresDecimal: PostgresValue {
  /// Whether it is below zero.
  public let isNegative: Bool
  /// Its decimal digits, 0…9, without leading zeros; empty for zero.
  public let digits: [UInt8]
  /// How many of the digits stand behind the point: 0…16383. It may be more than there are.
  public let scale: Int

  /// What PostgreSQL takes: digits before and behind the point.
  static let integerDigitsMax = 131_072
  static let scaleMax = 16_383

  init?(isNegative: Bool, digits: ArraySlice<UInt8>, scale: Int) {
    let significant = digits.drop { $0 == 0 }
    guard (0...Self.scaleMax).contains(scale), significant.count <= scale + Self.integerDigitsMax
    else { return nil }
    self.digits = Array(significant)
    self.scale = scale
    self.isNegative = isNegative && !significant.isEmpty
  }

  /// A number of the smallest units there are, such as cents.
  /// - Parameter scale: how many of its digits stand behind the point, 0…16383; others count as
  ///   the nearest of these.
  public init(minorUnits: Int64, scale: Int) {
    var digits: [UInt8] = []
    var rest = minorUnits.magnitude
    while rest > 0 {
      digits.append(UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    }
    self.digits = digits.reversed()
    self.scale = min(max(0, scale), Self.scaleMax)
    isNegative = minorUnits < 0
  }

  /// A number as people and SQL write it: `-12.50`, `7`, `.5`; no exponent, no grouping.
  /// - Returns: nil for anything else, or for more digits than `numeric` takes.
  public init?(_ text: String) {
    var digits: [UInt8] = []
    var scale: Int?
    var isNegative = false
    for (index, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "-") where index == 0: isNegative = true
      case UInt8(ascii: "+") where index == 0: break
      case UInt8(ascii: ".") where scale == nil: scale = 0
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digits.append(byte - UInt8(ascii: "0"))
        scale = scale.map { $0 + 1 }
      default: return nil
      }
    }
    guard !digits.isEmpty else { return nil }
    self.init(isNegative: isNegative, digits: digits[...], scale: scale ?? 0)
  }

  /// The number in units of `10^-scale`, such as cents for 2.
  /// - Returns: nil when that is not exact or does not fit.
  public func minorUnits(scale: Int) -> Int64? {
    let (kept, isExact) = shifted(toScale: scale)
    guard isExact else { return nil }
    var units: Int64 = 0
    for digit in kept {
      let (tens, tooLarge) = units.multipliedReportingOverflow(by: 10)
      let signed = isNegative ? -Int64(digit) : Int64(digit)
      let (sum, overflow) = tens.addingReportingOverflow(signed)
      guard !tooLarge, !overflow else { return nil }
      units = sum
    }
    return units
  }

  /// Its digits at another scale, and whether none but zeros were dropped.
  private func shifted(toScale other: Int) -> (ArraySlice<UInt8>, isExact: Bool) {
    let other = min(max(0, other), Self.scaleMax)
    guard !digits.isEmpty else { return ([], true) }
    if other >= scale {
      return ((digits + [UInt8](repeating: 0, count: other - scale))[...], true)
    }
    let dropped = min(scale - other, digits.count)
    return (digits.dropLast(dropped), digits.suffix(dropped).allSatisfy { $0 == 0 })
  }
}

extension PostgresDecimal: Hashable, Comparable {
  /// Digits without the zeros at the end that stand behind the point.
  private var canonical: (digits: ArraySlice<UInt8>, scale: Int) {
    var digits = digits[...]
    var scale = scale
    while scale > 0, digits.last == 0 {
      digits.removeLast()
      scale -= 1
    }
    return (digits, digits.isEmpty ? 0 : scale)
  }

  public static func == (left: PostgresDecimal, right: PostgresDecimal) -> Bool {
    left.isNegative == right.isNegative && left.canonical == right.canonical
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(isNegative)
    hasher.combine(canonical.digits)
    hasher.combine(canonical.scale)
  }

  public static func < (left: PostgresDecimal, right: PostgresDecimal) -> Bool {
    if left.isNegative != right.isNegative { return left.isNegative }
    return left.isNegative ? right.isSmallerInSize(than: left) : left.isSmallerInSize(than: right)
  }

  private func isSmallerInSize(than other: PostgresDecimal) -> Bool {
    let (own, others) = (canonical, other.canonical)
    let (length, otherLength) = (own.digits.count - own.scale, others.digits.count - others.scale)
    if own.digits.isEmpty || others.digits.isEmpty {
      return own.digits.isEmpty && !others.digits.isEmpty
    }
    if length != otherLength { return length < otherLength }
    return own.digits.lexicographicallyPrecedes(others.digits)
  }
}

extension PostgresDecimal: CustomStringConvertible {
  /// As SQL writes it, with `scale` digits behind the point.
  public var description: String {
    let missing = max(0, scale + 1 - digits.count)
    var text = [UInt8](repeating: 0, count: missing) + digits
    for index in text.indices { text[index] += UInt8(ascii: "0") }
    if scale > 0 { text.insert(UInt8(ascii: "."), at: text.count - scale) }
    return (isNegative ? "-" : "") + String(decoding: text, as: UTF8.self)
  }
}

// MARK: Binary format: groups of four decimal digits, the point between two groups.

extension PostgresDecimal {
  public static var parameterType: UInt32 { PostgresType.numeric }

  public static func accepts(columnType: UInt32) -> Bool { columnType == PostgresType.numeric }

  public func encode(into bytes: inout [UInt8]) {
    // Zeros on both sides until the point lies between groups.
    let fraction = (scale + 3) / 4 * 4
    let integer = (max(0, digits.count - scale) + 3) / 4 * 4
    var padded = [UInt8](repeating: 0, count: max(0, integer + scale - digits.count)) + digits
    padded += [UInt8](repeating: 0, count: fraction - scale)
    var groups = stride(from: 0, to: padded.count, by: 4).map { start in
      padded[start..<start + 4].reduce(Int16(0)) { $0 * 10 + Int16($1) }
    }
    var weight = integer / 4 - 1
    while groups.first == 0 {
      groups.removeFirst()
      weight -= 1
    }
    while groups.last == 0 { groups.removeLast() }
    bytes.appendBigEndian(Int16(truncatingIfNeeded: groups.count))
    bytes.appendBigEndian(Int16(truncatingIfNeeded: groups.isEmpty ? 0 : weight))
    bytes.appendBigEndian(UInt16(isNegative ? 0x4000 : 0))
    bytes.appendBigEndian(Int16(truncatingIfNeeded: scale))
    for group in groups { bytes.appendBigEndian(group) }
  }

  public static func decode(
    _ bytes: UnsafeRawBufferPointer?
  ) throws(PostgresError) -> PostgresDecimal {
    let bytes = try present(bytes)
    guard bytes.count >= 8 else { throw .decoding("a numeric cut short") }
    func field(_ index: Int) -> Int16 {
      Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 2, as: Int16.self))
    }
    let count = Int(UInt16(bitPattern: field(0)))
    let (weight, scale) = (Int(field(1)), Int(field(3)))
    guard bytes.count == 8 + count * 2 else { throw .decoding("a numeric cut short") }
    let sign = UInt16(bitPattern: field(2))
    guard sign == 0 || sign == 0x4000 else { throw .decoding("a numeric that is no number") }
    guard (0...scaleMax).contains(scale) else { throw .decoding("a numeric of a false scale") }
    // Digits up to the last one that the scale shows; what is not sent is zero.
    let length = (weight + 1) * 4 + scale
    guard count == 0 || length > 0 else {
      return PostgresDecimal(minorUnits: 0, scale: scale)
    }
    var digits: [UInt8] = []
    digits.reserveCapacity(max(0, length))
    for index in 0..<count {
      let group = field(4 + index)
      guard (0..<10_000).contains(group) else { throw .decoding("a numeric of false digits") }
      for divisor: Int16 in [1000, 100, 10, 1] {
        digits.append(UInt8(truncatingIfNeeded: group / divisor % 10))
      }
    }
    if count > 0 {
      let surplus = digits.count - length
      guard surplus <= 0 || digits.suffix(surplus).allSatisfy({ $0 == 0 }) else {
        throw .decoding("a numeric with digits beyond its scale")
      }
      if surplus > 0 { digits.removeLast(min(surplus, digits.count)) }
      digits += [UInt8](repeating: 0, count: max(0, -surplus))
    }
    guard
      let value = PostgresDecimal(isNegative: sign != 0, digits: digits[...], scale: scale)
    else { throw .decoding("a numeric out of range") }
    return value
  }
}

extension PostgresDecimal: PostgresRow {}
