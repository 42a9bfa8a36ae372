/// RFC 4648.
public enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// Standard alphabet, padded.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    var group: UInt32 = 0
    var held = 0
    for byte in bytes {
      group = group << 8 | UInt32(byte)
      held += 1
      if held == 3 {
        append(group, 4, to: &out)
        group = 0
        held = 0
      }
    }
    if held > 0 {
      append(group << UInt32(8 * (3 - held)), held + 1, to: &out)
      out += repeatElement(UInt8(ascii: "="), count: 3 - held)
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func append(_ group: UInt32, _ count: Int, to out: inout [UInt8]) {
    for place in 0..<count {
      out.append(alphabet[Int(group >> UInt32(18 - 6 * place) & 0x3F)])
    }
  }

  /// Standard or URL-safe alphabet, padded or not; nil for anything else.
  public static func decode(_ text: String) -> [UInt8]? {
    var characters = Array(text.utf8)
    if characters.last == UInt8(ascii: "=") {
      guard characters.count % 4 == 0 else { return nil }
      characters.removeLast()
      if characters.last == UInt8(ascii: "=") { characters.removeLast() }
    }
    guard characters.count % 4 != 1 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(characters.count / 4 * 3 + 2)
    var bits: UInt32 = 0
    var held: UInt32 = 0
    for character in characters {
      guard let value = value(of: character) else { return nil }
      bits = (bits << 6 | value) & 0xFFFF
      held += 6
      if held >= 8 {
        held -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> held))
      }
    }
    return out
  }

  private static func value(of character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character) + 4
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }
}
