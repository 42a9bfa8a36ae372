extension JSONValue {
  /// The text in UTF-8, without spaces.
  public var utf8: [UInt8] {
    var out: [UInt8] = []
    write(to: &out, indent: nil)
    return out
  }

  /// The text over several lines, two spaces a level.
  public var prettyUTF8: [UInt8] {
    var out: [UInt8] = []
    write(to: &out, indent: 0)
    return out
  }

  private func write(to out: inout [UInt8], indent: Int?) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .number(let literal): out += literal.utf8
    case .string(let text): JSONValue.write(text, to: &out)
    case .array(let elements):
      JSONValue.group("[", "]", elements, to: &out, indent: indent) { element, out, indent in
        element.write(to: &out, indent: indent)
      }
    case .object(let object):
      JSONValue.group("{", "}", object.members, to: &out, indent: indent) { member, out, indent in
        JSONValue.write(member.key, to: &out)
        out += (indent == nil ? ":" : ": ").utf8
        member.value.write(to: &out, indent: indent)
      }
    }
  }

  private static func group<Element>(
    _ open: String, _ close: String, _ elements: [Element], to out: inout [UInt8], indent: Int?,
    _ write: (Element, inout [UInt8], Int?) -> Void
  ) {
    out += open.utf8
    let inner = indent.map { $0 + 2 }
    for (index, element) in elements.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      if let inner { out += ("\n" + String(repeating: " ", count: inner)).utf8 }
      write(element, &out, inner)
    }
    if let indent, !elements.isEmpty { out += ("\n" + String(repeating: " ", count: indent)).utf8 }
    out += close.utf8
  }

  private static func write(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += "\\\"".utf8
      case UInt8(ascii: "\\"): out += "\\\\".utf8
      case 0x0A: out += "\\n".utf8
      case 0x0D: out += "\\r".utf8
      case 0x09: out += "\\t".utf8
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        out += ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
