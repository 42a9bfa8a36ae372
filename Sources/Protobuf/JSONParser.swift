extension JSONValue {
  /// Reads one JSON text (RFC 8259): at most 32 values inside each other, 10 000 keys, 32
  /// characters a number; UTF-8 only; a key twice in one object is refused.
  /// - Parameter bytes: the text; the caller bounds its size.
  public init(utf8 bytes: some Sequence<UInt8>) throws(JSONSyntaxError) {
    let bytes = (bytes as? [UInt8]) ?? Array(bytes)
    var parser = JSONParser(bytes: bytes)
    self = try parser.document()
  }
}

/// A recursive descent of bounded depth; every index is compared with the end before use.
struct JSONParser {
  private let bytes: [UInt8]
  private var index = 0
  private var keysLeft = JSONBound.keys.max

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSONSyntaxError) -> JSONValue {
    let valid = bytes.withUnsafeBytes { UTF8Check.check($0) }
    guard valid != .invalid else { throw failure("invalid UTF-8") }
    let value = try value(depth: 1)
    skipSpace()
    guard index == bytes.count else { throw failure("text after the value") }
    return value
  }

  private func failure(_ reason: String, _ bound: JSONBound? = nil) -> JSONSyntaxError {
    JSONSyntaxError(reason: reason, offset: index, bound: bound)
  }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      index += 1
    }
  }

  private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    guard depth <= JSONBound.depth.max else { throw failure("nested too deeply", .depth) }
    skipSpace()
    guard let next else { throw failure("the text ends early") }
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try text())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("unexpected character")
    }
  }

  private mutating func word(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONSyntaxError) -> JSONValue {
    let count = word.utf8CodeUnitCount
    guard bytes.count - index >= count,
      bytes[index..<(index + count)].elementsEqual(word.description.utf8)
    else { throw failure("unexpected word") }
    index += count
    return value
  }

  private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    index += 1
    var object = JSONObject()
    var seen: Set<String> = []
    skipSpace()
    if next == UInt8(ascii: "}") {
      index += 1
      return .object(object)
    }
    while true {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("a key is missing") }
      guard keysLeft > 0 else { throw failure("too many keys", .keys) }
      keysLeft -= 1
      let key = try text()
      guard seen.insert(key).inserted else { throw failure("a key stands twice") }
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw failure("a colon is missing") }
      index += 1
      object.add(key, try value(depth: depth + 1))
      skipSpace()
      switch next {
      case UInt8(ascii: ","): index += 1
      case UInt8(ascii: "}"):
        index += 1
        return .object(object)
      default: throw failure("an object does not end")
      }
    }
  }

  private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
    index += 1
    var elements: [JSONValue] = []
    skipSpace()
    if next == UInt8(ascii: "]") {
      index += 1
      return .array(elements)
    }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      switch next {
      case UInt8(ascii: ","): index += 1
      case UInt8(ascii: "]"):
        index += 1
        return .array(elements)
      default: throw failure("an array does not end")
      }
    }
  }

  // MARK: Numbers

  private mutating func number() throws(JSONSyntaxError) -> JSONValue {
    let start = index
    if next == UInt8(ascii: "-") { index += 1 }
    if next == UInt8(ascii: "0") { index += 1 } else { try digits() }
    if next == UInt8(ascii: ".") {
      index += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      index += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
      try digits()
    }
    guard index - start <= JSONBound.numberLength.max else {
      throw failure("a number is longer than 32 characters", .numberLength)
    }
    return .number(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  private mutating func digits() throws(JSONSyntaxError) {
    let start = index
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    guard index > start else { throw failure("a digit is missing") }
  }

  // MARK: Strings

  private mutating func text() throws(JSONSyntaxError) -> String {
    index += 1
    let start = index
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      index += 1
    }
    if next == UInt8(ascii: "\"") {
      defer { index += 1 }
      return String(decoding: bytes[start..<index], as: UTF8.self)
    }
    var text = Array(bytes[start..<index])
    while let byte = next {
      if byte == UInt8(ascii: "\"") {
        index += 1
        return String(decoding: text, as: UTF8.self)
      }
      guard byte >= 0x20 else { throw failure("a control character in a string") }
      index += 1
      if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
    }
    throw failure("a string does not end")
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
    guard let byte = next else { throw failure("a string does not end") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): try scalar(into: &text)
    default: throw failure("an unknown escape")
    }
  }

  private mutating func scalar(into text: inout [UInt8]) throws(JSONSyntaxError) {
    var code = try codeUnit()
    if (0xD800...0xDBFF).contains(code) {
      guard next == UInt8(ascii: "\\") else { throw failure("half a surrogate pair") }
      index += 1
      guard next == UInt8(ascii: "u") else { throw failure("half a surrogate pair") }
      index += 1
      let low = try codeUnit()
      guard (0xDC00...0xDFFF).contains(low) else { throw failure("half a surrogate pair") }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
    text.append(contentsOf: String(Character(scalar)).utf8)
  }

  private mutating func codeUnit() throws(JSONSyntaxError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = hexDigit(byte) else {
        throw failure("an escape needs four hexadecimal digits")
      }
      index += 1
      code = code << 4 | digit
    }
    return code
  }

  private func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 0x57
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 0x37
    default: nil
    }
  }
}
