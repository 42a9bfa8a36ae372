import Foundation

/// Writes header fields (RFC 5322, 2047). Whatever it is given, no line break, NUL or other control
/// character of it reaches a header.
enum HeaderText {
  /// The text with every run of control characters, line separators and blanks as one blank, and
  /// without the marks that turn the direction of writing round; at most `characters` long.
  static func clean(_ text: String, characters: Int = 200) -> String {
    var scalars = String.UnicodeScalarView()
    var blank = false
    for scalar in text.unicodeScalars {
      if isDirectionMark(scalar) { continue }
      if isSeparator(scalar) {
        blank = !scalars.isEmpty
        continue
      }
      if blank { scalars.append(" ") }
      blank = false
      scalars.append(scalar)
    }
    return String(String(scalars).prefix(characters))
  }

  private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .spaceSeparator, .unassigned, .surrogate:
      true
    default: false
    }
  }

  private static func isDirectionMark(_ scalar: Unicode.Scalar) -> Bool {
    (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
  }

  /// A field of free text, such as `Subject`.
  static func field(_ name: String, _ text: String) -> String {
    let text = clean(text)
    let plain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f } && !text.contains("=?")
    if plain, name.utf8.count + 2 + text.utf8.count <= 76 { return "\(name): \(text)" }
    return "\(name): \(encodedWords(text))"
  }

  /// A field with one mailbox, such as `From`.
  static func mailbox(_ name: String, _ display: String, _ address: String) -> String {
    let display = clean(display, characters: 100)
    if display.isEmpty { return "\(name): <\(address)>" }
    let plain = display.utf8.allSatisfy { isAtomOrBlank($0) }
    if plain, display.utf8.count <= 60 { return "\(name): \"\(display)\"\r\n <\(address)>" }
    return "\(name): \(encodedWords(display))\r\n <\(address)>"
  }

  private static func isAtomOrBlank(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20, 0x27, 0x2d, 0x2e, 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    default: false
    }
  }

  /// Words of at most 75 characters, each a whole number of code points (RFC 2047 §2, §5).
  static func encodedWords(_ text: String) -> String {
    var words: [[UInt8]] = []
    var word: [UInt8] = []
    for scalar in text.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      if word.count + bytes.count > octetsInWord {
        words.append(word)
        word = []
      }
      word += bytes
    }
    words.append(word)
    return words.map { "=?UTF-8?B?\(Data($0).base64EncodedString())?=" }.joined(separator: "\r\n ")
  }

  /// Leaves room for the field's name on the first line of 76.
  private static let octetsInWord = 36
}
