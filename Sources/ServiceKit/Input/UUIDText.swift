public import Foundation

extension UUID {
  /// The text of ids on the wire: 36 characters, lower case.
  public var text: String {
    String(unsafeUninitializedCapacity: 36) { characters in
      var place = 0
      withUnsafeBytes(of: uuid) { octets in
        for (index, octet) in octets.enumerated() {
          if index == 4 || index == 6 || index == 8 || index == 10 {
            characters[place] = UInt8(ascii: "-")
            place += 1
          }
          characters[place] = Self.character(octet >> 4)
          characters[place + 1] = Self.character(octet & 15)
          place += 2
        }
      }
      return place
    }
  }

  private static func character(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") &+ nibble : UInt8(ascii: "a") &+ (nibble &- 10)
  }

  /// Reads the 36 characters of an id, in either case. Foundation's own reader goes through the C
  /// library's scanner, which costs a call more than its database key does.
  public init?(text: String) {
    var text = text
    let id: uuid_t? = text.withUTF8 { characters in
      guard characters.count == 36 else { return nil }
      var octets: (UInt64, UInt64) = (0, 0)
      for (index, character) in characters.enumerated() {
        if index == 8 || index == 13 || index == 18 || index == 23 {
          guard character == UInt8(ascii: "-") else { return nil }
          continue
        }
        guard let digit = Self.digit(character) else { return nil }
        octets.0 = (octets.0 << 4) | (octets.1 >> 60)
        octets.1 = (octets.1 << 4) | digit
      }
      return withUnsafeBytes(of: (octets.0.bigEndian, octets.1.bigEndian)) {
        $0.loadUnaligned(as: uuid_t.self)
      }
    }
    guard let id else { return nil }
    self.init(uuid: id)
  }

  private static func digit(_ character: UInt8) -> UInt64? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character &- UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(character &- UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(character &- UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
