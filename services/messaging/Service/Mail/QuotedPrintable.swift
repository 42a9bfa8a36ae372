/// The transfer encoding of RFC 2045 §6.7: readable where the text is ASCII, and safe through any
/// mail server. Lines end in CRLF and have at most 76 characters.
enum QuotedPrintable {
  private static let lineMax = 76

  static func encode(_ text: String) -> [UInt8] {
    var output: [UInt8] = []
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for line in lines {
      encode(line: Array(line.utf8), into: &output)
      output += crlf
    }
    return output
  }

  private static let crlf: [UInt8] = [0x0d, 0x0a]
  private static let digits = [UInt8]("0123456789ABCDEF".utf8)

  private static func encode(line: [UInt8], into output: inout [UInt8]) {
    var column = 0
    for (index, byte) in line.enumerated() {
      let isLast = index == line.count - 1
      let token = token(byte, endsLine: isLast)
      // One column stays free for the mark of a soft break, unless the line ends here.
      if column + token.count > (isLast ? lineMax : lineMax - 1) {
        output.append(0x3d)
        output += crlf
        column = 0
      }
      output += token
      column += token.count
    }
  }

  private static func token(_ byte: UInt8, endsLine: Bool) -> [UInt8] {
    switch byte {
    case 0x20 where !endsLine, 0x21...0x3c, 0x3e...0x7e: [byte]
    default: [0x3d, digits[Int(byte >> 4)], digits[Int(byte & 0x0f)]]
    }
  }
}
