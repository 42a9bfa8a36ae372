/// What stands between double braces in a request, and is another text in each call.
enum Placeholder: Sendable, Hashable {
  case uuid
  case sequence
  case random(ClosedRange<Int64>)
  case pick([String])
  case text(Int)
  case givenName
  case familyName
  case name
  case email
  /// A value kept from a set-up call; one of them at random when there are several.
  case saved(String)

  /// Words that mean something by themselves, so that no saved value may be called so.
  static let builtIn: Set<String> = [
    "uuid", "sequence", "random", "pick", "text", "givenName", "familyName", "name", "email",
  ]

  /// Reads what stands between the braces.
  init(_ text: String) throws(ScenarioError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let word = String(parts[0])
    let detail = parts.count > 1 ? String(parts[1]) : nil
    switch (word, detail) {
    case ("uuid", nil): self = .uuid
    case ("sequence", nil): self = .sequence
    case ("givenName", nil): self = .givenName
    case ("familyName", nil): self = .familyName
    case ("name", nil): self = .name
    case ("email", nil): self = .email
    case ("random", let detail?): self = .random(try Self.range(detail))
    case ("pick", let detail?):
      self = .pick(detail.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
    case ("text", let detail?):
      guard let count = Int(detail), (1...1_000_000).contains(count) else {
        throw ScenarioError("{{\(text)}}: write the number of letters, as in {{text:32}}")
      }
      self = .text(count)
    case (_, nil) where Self.isName(word): self = .saved(word)
    default:
      throw ScenarioError(
        "{{\(text)}} means nothing: there are {{uuid}}, {{sequence}}, {{random:1..100}}, {{pick:a,b}}, {{text:32}}, {{name}}, {{givenName}}, {{familyName}}, {{email}}, and names saved in setup"
      )
    }
  }

  private static func isName(_ word: String) -> Bool {
    guard let first = word.first, first.isASCII, first.isLetter, !builtIn.contains(word) else {
      return false
    }
    return word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
  }

  private static func range(_ text: String) throws(ScenarioError) -> ClosedRange<Int64> {
    let ends = text.components(of: "..")
    guard ends.count == 2, let low = Int64(ends[0]), let high = Int64(ends[1]), low <= high else {
      throw ScenarioError("{{random:\(text)}}: write both ends, as in {{random:1..100}}")
    }
    return low...high
  }
}

extension String {
  /// The parts between the separators.
  func components(of separator: String) -> [String] {
    var parts: [String] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return parts + [String(rest)]
  }
}

/// What placeholders are filled from, in one call.
struct Filling {
  var random: SeededRandom
  /// Counts the calls of the whole test.
  var sequence = 0
  var saved: [String: [String]] = [:]

  mutating func text(for placeholder: Placeholder) -> String {
    switch placeholder {
    case .uuid: uuid()
    case .sequence: String(sequence)
    case .random(let range): String(Int64.random(in: range, using: &random))
    case .pick(let choices): choices.randomElement(using: &random) ?? ""
    case .text(let count): letters(count)
    case .givenName: Self.given.randomElement(using: &random) ?? ""
    case .familyName: Self.family.randomElement(using: &random) ?? ""
    case .name: text(for: .givenName) + " " + text(for: .familyName)
    case .email:
      "load.\(String(random.next(), radix: 36)).\(sequence)@load.example"
    case .saved(let name): saved[name]?.randomElement(using: &random) ?? ""
    }
  }

  /// A random UUID (version 4).
  private mutating func uuid() -> String {
    let bits = (
      random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000, random.next() >> 2 | 0x8000_0000_0000_0000
    )
    let digits: [UInt8] = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: 36) { text in
      var place = 0
      for index in 0..<32 {
        if index == 8 || index == 12 || index == 16 || index == 20 {
          text[place] = UInt8(ascii: "-")
          place += 1
        }
        let word = index < 16 ? bits.0 : bits.1
        text[place] = digits[Int(truncatingIfNeeded: word >> UInt64(60 - index % 16 * 4)) & 15]
        place += 1
      }
      return 36
    }
  }

  private mutating func letters(_ count: Int) -> String {
    String(unsafeUninitializedCapacity: count) { text in
      for index in 0..<count {
        text[index] = UInt8(ascii: "a") + UInt8(truncatingIfNeeded: random.next() % 26)
      }
      return count
    }
  }

  private static let given = [
    "Ada", "Alix", "Bram", "Camille", "Chloé", "Daan", "Elif", "Émile", "Fatima", "Gilles", "Hugo",
    "Ines", "Jeanne", "Joris", "Kaat", "Léa", "Lotte", "Mehdi", "Nina", "Noor", "Olivier", "Pieter",
    "Romane", "Sofia", "Thijs", "Victor", "Wout", "Yasmine", "Zoé", "Zuzanna",
  ]
  private static let family = [
    "Bouchard", "Claes", "Coppens", "De Smet", "Dubois", "Dupont", "El Amrani", "Fortin", "Gagnon",
    "Goossens", "Hermans", "Jacobs", "Janssens", "Lambert", "Lavoie", "Leclercq", "Maes", "Martin",
    "Mertens", "Nguyen", "Ouellet", "Peeters", "Roy", "Simon", "Tremblay", "Van Damme", "Wauters",
    "Willems", "Yılmaz", "Zimmermann",
  ]
}
