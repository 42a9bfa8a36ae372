import Glibc

// Received bytes compared and read in place, so that fields which are only looked at cost no
// string.
extension UnsafeRawBufferPointer {
  /// True when the bytes are these.
  func `is`(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount, let baseAddress else { return false }
    return memcmp(baseAddress, text.utf8Start, count) == 0
  }

  /// True when the bytes begin with these.
  func starts(with text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard count >= length else { return false }
    return UnsafeRawBufferPointer(rebasing: prefix(length)).is(text)
  }

  /// True when the bytes end with these.
  func ends(with text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard count >= length else { return false }
    return UnsafeRawBufferPointer(rebasing: suffix(length)).is(text)
  }

  /// Without the spaces and tabs at its ends, which mean nothing in a field.
  var trimmed: UnsafeRawBufferPointer {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    guard let first, let last, isBlank(first) || isBlank(last) else { return self }
    guard let start = firstIndex(where: { !isBlank($0) }),
      let end = lastIndex(where: { !isBlank($0) })
    else { return UnsafeRawBufferPointer(rebasing: prefix(0)) }
    return UnsafeRawBufferPointer(rebasing: self[start...end])
  }

  /// The elements of a list whose commas part them, empty ones too, each `trimmed`.
  var listElements: ListElements { ListElements(rest: self) }

  /// What a content type says of how the messages of gRPC are written: "" when it says nothing, nil
  /// when it is none of gRPC. Case, blanks and parameters mean nothing.
  var grpcSubtype: String? {
    // The usual case costs no string.
    if self.is("application/grpc") { return "" }
    let type = UnsafeRawBufferPointer(rebasing: prefix { $0 != UInt8(ascii: ";") }).trimmed.text
      .lowercased()
    guard type.hasPrefix("application/grpc") else { return nil }
    let rest = type.dropFirst("application/grpc".count)
    if rest.isEmpty { return "" }
    return rest.first == "+" ? String(rest.dropFirst()) : nil
  }

  /// As text; what is not UTF-8 is replaced.
  var text: String { String(decoding: self, as: UTF8.self) }

  /// As a whole number of at most `digits` decimal digits.
  func number(digits: Int) -> Int? {
    guard count > 0, count <= digits else { return nil }
    var value = 0
    for byte in self {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      value = value &* 10 &+ Int(byte &- 0x30)
    }
    return value
  }
}

/// Finds the elements of a list one by one, so that the length of a list costs no memory.
struct ListElements: Sequence, IteratorProtocol {
  /// What has not been read; nil after the last element.
  fileprivate var rest: UnsafeRawBufferPointer?

  mutating func next() -> UnsafeRawBufferPointer? {
    guard let list = rest else { return nil }
    guard let comma = list.firstIndex(of: UInt8(ascii: ",")) else {
      rest = nil
      return list.trimmed
    }
    rest = UnsafeRawBufferPointer(rebasing: list[(comma + 1)...])
    return UnsafeRawBufferPointer(rebasing: list[..<comma]).trimmed
  }
}

extension [UInt8] {
  /// Lends the bytes to what may throw; the library's own function forgets the type of the error.
  func lend<Result>(
    _ body: (UnsafeRawBufferPointer) throws(RPCError) -> Result
  ) throws(RPCError) -> Result {
    try withUnsafeBytes { bytes in
      Swift.Result { () throws(RPCError) in try body(bytes) }
    }.get()
  }
}

/// Base64 as gRPC wants it: written without padding, read with or without.
enum WireBase64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count / 3 &* 4 &+ 4)
    var held: UInt32 = 0
    var bits = 0
    for byte in bytes {
      held = held << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        out.append(alphabet[Int(held >> UInt32(bits)) & 63])
      }
    }
    if bits > 0 { out.append(alphabet[Int(held << UInt32(6 - bits)) & 63]) }
    return out
  }

  /// Nil when it is not base64.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    // Tokens ride with most calls: the bytes are read where they lie.
    if let decoded = text.withContiguousStorageIfAvailable({ decode(bytes: $0) }) { return decoded }
    return Array(text).withUnsafeBufferPointer { decode(bytes: $0) }
  }

  private static func decode(bytes text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    var out: [UInt8] = []
    out.reserveCapacity(text.count / 4 &* 3 &+ 3)
    var held: UInt32 = 0
    var bits = 0
    var padding = 0
    for byte in text {
      if byte == 0x3d {
        padding += 1
        continue
      }
      guard padding == 0, let value = value(of: byte) else { return nil }
      held = held << 6 | value
      bits += 6
      if bits >= 8 {
        bits -= 8
        out.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
      }
    }
    return padding <= 2 && bits < 6 ? out : nil
  }

  private static func value(of byte: UInt8) -> UInt32? {
    switch byte {
    case 0x41...0x5a: UInt32(byte &- 0x41)
    case 0x61...0x7a: UInt32(byte &- 0x61 &+ 26)
    case 0x30...0x39: UInt32(byte &- 0x30 &+ 52)
    case 0x2b, 0x2d: 62
    case 0x2f, 0x5f: 63
    default: nil
    }
  }
}

/// The text of `grpc-message`: printable ASCII, all else as `%XX`, and so a space at either end.
enum PercentText {
  private static let digits = Array("0123456789ABCDEF".utf8)

  static func encode(_ text: String) -> [UInt8] {
    var out: [UInt8] = []
    let last = text.utf8.count - 1
    for (index, byte) in text.utf8.enumerated() {
      let isEdge = byte == 0x20 && (index == 0 || index == last)
      if byte >= 0x20, byte <= 0x7e, byte != 0x25, !isEdge {
        out.append(byte)
      } else {
        out.append(0x25)
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
      }
    }
    return out
  }

  /// Damaged escapes stay as they are.
  static func decode(_ bytes: UnsafeRawBufferPointer) -> String {
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == 0x25, index + 2 < bytes.count,
        let high = hex(bytes[index + 1]), let low = hex(bytes[index + 2])
      {
        out.append(high << 4 | low)
        index += 3
      } else {
        out.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func hex(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte &- 0x30
    case 0x41...0x46: byte &- 0x41 &+ 10
    case 0x61...0x66: byte &- 0x61 &+ 10
    default: nil
    }
  }
}

/// The value of `grpc-timeout`: up to eight digits and a unit.
enum WireTimeout {
  /// Nil when it is malformed.
  static func parse(_ bytes: UnsafeRawBufferPointer) -> Duration? {
    guard let unit = bytes.last,
      let count = UnsafeRawBufferPointer(rebasing: bytes.dropLast()).number(digits: 8)
    else { return nil }
    switch unit {
    case UInt8(ascii: "H"): return .seconds(Int64(count) * 3_600)
    case UInt8(ascii: "M"): return .seconds(Int64(count) * 60)
    case UInt8(ascii: "S"): return .seconds(count)
    case UInt8(ascii: "m"): return .milliseconds(count)
    case UInt8(ascii: "u"): return .microseconds(count)
    case UInt8(ascii: "n"): return .nanoseconds(count)
    default: return nil
    }
  }

  /// In the finest unit that fits eight digits; rounded down, so that no hop adds time.
  static func text(_ remaining: Duration) -> String {
    let nanoseconds = max(0, remaining.clampedNanoseconds)
    let units: [(Int64, String)] = [
      (1, "n"), (1_000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M"),
    ]
    for (length, unit) in units where nanoseconds / length < 100_000_000 {
      return "\(nanoseconds / length)\(unit)"
    }
    return "\(min(99_999_999, nanoseconds / 3_600_000_000_000))H"
  }
}
