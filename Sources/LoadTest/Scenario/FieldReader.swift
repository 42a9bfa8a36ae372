import Protobuf

/// Reads the fields of one object of a scenario file, and refuses what is no field.
struct FieldReader {
  private let object: JSONObject
  let place: [JSONStep]

  /// - Parameter known: every field the object may have; another is refused with the nearest.
  init(_ json: JSONValue, at place: [JSONStep] = [], known: [String]) throws(ScenarioError) {
    guard case .object(let object) = json else {
      throw ScenarioError("must be an object, in braces", at: place)
    }
    self.object = object
    self.place = place
    for member in object.members where !known.contains(member.key) {
      let near = known.min { Spelling.distance($0, member.key) < Spelling.distance($1, member.key) }
      let guess = near.flatMap { Spelling.distance($0, member.key) <= 3 ? $0 : nil }
      let hint =
        guess.map { "; did you mean \($0)?" } ?? "; there are \(known.joined(separator: ", "))"
      throw ScenarioError("is no field\(hint)", at: place + [.key(member.key)])
    }
  }

  func has(_ key: String) -> Bool { object[key] != nil }

  func json(_ key: String) -> JSONValue? { object[key] }

  func at(_ key: String) -> [JSONStep] { place + [.key(key)] }

  func missing(_ key: String, _ example: String) -> ScenarioError {
    ScenarioError("\(key) is missing, such as \"\(key)\": \(example)", at: place)
  }

  // MARK: Values

  func string(_ key: String) throws(ScenarioError) -> String? {
    guard let json = object[key] else { return nil }
    guard let text = json.string else { throw ScenarioError("must be a string", at: at(key)) }
    return text
  }

  func flag(_ key: String) throws(ScenarioError) -> Bool? {
    guard let json = object[key] else { return nil }
    guard case .bool(let flag) = json else {
      throw ScenarioError("must be true or false", at: at(key))
    }
    return flag
  }

  func number(_ key: String, _ range: ClosedRange<Double>) throws(ScenarioError) -> Double? {
    guard let json = object[key] else { return nil }
    guard case .number(let text) = json, let number = Double(text), range.contains(number) else {
      throw ScenarioError(
        "must be a number from \(Spelling.short(range.lowerBound)) to \(Spelling.short(range.upperBound))",
        at: at(key))
    }
    return number
  }

  func count(_ key: String, _ range: ClosedRange<Int>) throws(ScenarioError) -> Int? {
    guard let number = try number(key, Double(range.lowerBound)...Double(range.upperBound)) else {
      return nil
    }
    guard let count = Int(exactly: number) else {
      throw ScenarioError("must be a whole number", at: at(key))
    }
    return count
  }

  /// A length of time in nanoseconds, written as "250ms", "30s", "2m" or "1h".
  func time(_ key: String) throws(ScenarioError) -> Int64? {
    guard let text = try string(key) else {
      return nil
    }
    guard let time = Spelling.time(text) else {
      throw ScenarioError("must be a time such as \"250ms\", \"30s\" or \"2m\"", at: at(key))
    }
    return time
  }

  func array(_ key: String) throws(ScenarioError) -> [(JSONValue, [JSONStep])] {
    guard let json = object[key] else { return [] }
    guard let elements = json.array else {
      throw ScenarioError("must be an array, in brackets", at: at(key))
    }
    return elements.enumerated().map { ($0.element, at(key) + [.index($0.offset)]) }
  }

  func strings(_ key: String) throws(ScenarioError) -> [(String, [JSONStep])] {
    var strings: [(String, [JSONStep])] = []
    for (element, place) in try array(key) {
      guard let text = element.string else { throw ScenarioError("must be a string", at: place) }
      strings.append((text, place))
    }
    return strings
  }

  /// Keys with a string each, in order.
  func texts(_ key: String) throws(ScenarioError) -> [(key: String, value: String)] {
    guard let json = object[key] else { return [] }
    guard case .object(let inner) = json else {
      throw ScenarioError("must be an object, in braces", at: at(key))
    }
    var texts: [(key: String, value: String)] = []
    for member in inner.members {
      guard let text = member.value.string else {
        throw ScenarioError("must be a string", at: at(key) + [.key(member.key)])
      }
      texts.append((member.key, text))
    }
    return texts
  }
}

/// How times, numbers and words are written.
enum Spelling {
  private static let units: [(name: String, nanoseconds: Double)] = [
    ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9),
  ]

  /// "250ms" in nanoseconds; nil for anything that is no time of up to a day.
  static func time(_ text: String) -> Int64? {
    for unit in units where text.hasSuffix(unit.name) {
      guard let number = Double(text.dropLast(unit.name.count)) else { continue }
      guard number >= 0, number * unit.nanoseconds <= 86_400e9 else { return nil }
      return Int64(number * unit.nanoseconds)
    }
    return nil
  }

  /// Microseconds as people read them: three digits and a unit.
  static func time(microseconds value: Double) -> String {
    switch value {
    case ..<1_000: "\(short(value)) µs"
    case ..<1_000_000: "\(short(value / 1_000)) ms"
    default: "\(short(value / 1_000_000)) s"
    }
  }

  /// Three significant digits, without zeros at the end; whole above 100.
  static func short(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let size = abs(value)
    let digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
    var text = fixed(value, digits)
    if digits > 0 {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return text
  }

  /// With so many digits after the point.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let whole = Int64(scaled)
    let unit = Int64(scale)
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return sign + String(whole) }
    let rest = String(whole % unit)
    return sign + String(whole / unit) + "." + String(repeating: "0", count: digits - rest.count)
      + rest
  }

  /// With a thin space between thousands.
  static func grouped(_ value: Int) -> String {
    var text = ""
    for (index, digit) in String(abs(value)).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text = "\u{202F}" + text }
      text = String(digit) + text
    }
    return value < 0 ? "-" + text : text
  }

  /// How many letters must change to make one word the other.
  static func distance(_ one: String, _ other: String) -> Int {
    let other = Array(other.lowercased())
    var row = Array(0...other.count)
    for (index, letter) in one.lowercased().enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for place in other.indices {
        let changed = diagonal + (letter == other[place] ? 0 : 1)
        diagonal = row[place + 1]
        row[place + 1] = min(changed, diagonal + 1, row[place] + 1)
      }
    }
    return row[other.count]
  }
}
