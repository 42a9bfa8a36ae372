/// Whether bytes are UTF-8 text that C and Swift read alike.
enum UTF8Check {
  enum Verdict {
    case fine, nul, invalid
  }

  /// Looks for NUL and for anything that RFC 3629 forbids: overlong forms, surrogates, values past
  /// U+10FFFF, sequences cut short.
  static func check(_ bytes: UnsafeRawBufferPointer) -> Verdict {
    var index = 0
    let count = bytes.count
    while index < count {
      if index + 8 <= count {
        let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        // ASCII without NUL: no top bit is set, and none appears when 1 is taken from each byte.
        if (word | (word &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 == 0 {
          index += 8
          continue
        }
      }
      let byte = bytes[index]
      if byte == 0 { return .nul }
      if byte < 0x80 {
        index += 1
        continue
      }
      let length = sequenceLength(bytes, at: index)
      if length == 0 { return .invalid }
      index += length
    }
    return .fine
  }

  /// Bytes of the sequence that starts at `index`; 0 when it is not valid.
  private static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
    let first = bytes[index]
    let length: Int
    var low: UInt8 = 0x80
    var high: UInt8 = 0xBF
    switch first {
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF:
      length = 3
      if first == 0xE0 { low = 0xA0 }
      if first == 0xED { high = 0x9F }
    case 0xF0...0xF4:
      length = 4
      if first == 0xF0 { low = 0x90 }
      if first == 0xF4 { high = 0x8F }
    default: return 0
    }
    guard length <= bytes.count - index else { return 0 }
    guard (low...high).contains(bytes[index + 1]) else { return 0 }
    for next in 2..<max(length, 2) where bytes[index + next] & 0xC0 != 0x80 { return 0 }
    return length
  }
}
