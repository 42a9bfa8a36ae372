/// Blanks comments and the insides of string and regex literals; lines keep their numbers and
/// columns, and code inside `\(…)` stays.
struct Scrubber {
  private enum Frame {
    /// Top-level code, or an interpolation that ends when its parentheses close.
    case code(open: Int?)
    case string(hashes: Int, multiline: Bool)
  }

  private static let quote = UInt8(ascii: "\"")
  private static let hash = UInt8(ascii: "#")
  private static let newline = UInt8(ascii: "\n")
  private static let slash = UInt8(ascii: "/")
  private static let star = UInt8(ascii: "*")
  private static let backslash = UInt8(ascii: "\\")
  private static let space = UInt8(ascii: " ")

  private let bytes: [UInt8]
  private var out: [UInt8] = []
  private var at = 0
  private var frames: [Frame] = [.code(open: nil)]

  static func scrub(_ text: String) -> String {
    var scrubber = Scrubber(bytes: Array(text.utf8))
    scrubber.run()
    return String(decoding: scrubber.out, as: UTF8.self)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func byte(_ offset: Int = 0) -> UInt8? {
    at + offset < bytes.count ? bytes[at + offset] : nil
  }

  private mutating func keep(_ count: Int = 1) {
    out.append(contentsOf: bytes[at..<min(at + count, bytes.count)])
    at = min(at + count, bytes.count)
  }

  /// Replaces what is read by spaces; newlines stay, and multi-byte characters shrink to one.
  private mutating func blank(_ count: Int = 1) {
    for _ in 0..<count {
      guard let value = byte() else { return }
      if value == Self.newline {
        out.append(value)
      } else if value & 0xC0 != 0x80 {
        out.append(Self.space)
      }
      at += 1
    }
  }

  private mutating func run() {
    while at < bytes.count {
      switch frames.last {
      case .string(let hashes, let multiline): stringStep(hashes: hashes, multiline: multiline)
      case .code(let open): codeStep(open: open)
      case nil: keep()
      }
    }
  }

  private mutating func codeStep(open: Int?) {
    guard let value = byte() else { return }
    if value == Self.slash, byte(1) == Self.slash {
      while let next = byte(), next != Self.newline { blank() }
    } else if value == Self.slash, byte(1) == Self.star {
      blockComment()
    } else if value == Self.slash, let length = regexLength() {
      blank(length)
    } else if value == Self.quote || value == Self.hash {
      openString()
    } else if let open, value == UInt8(ascii: "(") {
      frames[frames.count - 1] = .code(open: open + 1)
      keep()
    } else if let open, value == UInt8(ascii: ")") {
      if open == 1 { frames.removeLast() } else { frames[frames.count - 1] = .code(open: open - 1) }
      keep()
    } else {
      keep()
    }
  }

  private mutating func blockComment() {
    var depth = 0
    repeat {
      if byte() == Self.slash, byte(1) == Self.star {
        depth += 1
        blank(2)
      } else if byte() == Self.star, byte(1) == Self.slash {
        depth -= 1
        blank(2)
      } else {
        blank()
      }
    } while depth > 0 && at < bytes.count
  }

  private mutating func openString() {
    var hashes = 0
    while byte(hashes) == Self.hash { hashes += 1 }
    guard byte(hashes) == Self.quote else { return keep(max(hashes, 1)) }
    let multiline = byte(hashes + 1) == Self.quote && byte(hashes + 2) == Self.quote
    keep(hashes + (multiline ? 3 : 1))
    frames.append(.string(hashes: hashes, multiline: multiline))
  }

  private func hashesFollow(_ count: Int, after offset: Int) -> Bool {
    (0..<count).allSatisfy { byte(offset + $0) == Self.hash }
  }

  private mutating func stringStep(hashes: Int, multiline: Bool) {
    guard let value = byte() else { return }
    if value == Self.backslash, hashesFollow(hashes, after: 1) {
      if byte(1 + hashes) == UInt8(ascii: "(") {
        blank(1 + hashes)
        keep()
        frames.append(.code(open: 1))
      } else {
        blank(2 + hashes)
      }
    } else if value == Self.quote, closes(hashes: hashes, multiline: multiline) {
      keep((multiline ? 3 : 1) + hashes)
      frames.removeLast()
    } else if value == Self.newline, !multiline {
      frames.removeLast()
      keep()
    } else {
      blank()
    }
  }

  private func closes(hashes: Int, multiline: Bool) -> Bool {
    guard multiline else { return hashesFollow(hashes, after: 1) }
    return byte(1) == Self.quote && byte(2) == Self.quote && hashesFollow(hashes, after: 3)
  }

  /// The length of a regex literal that starts here, or nil when the slash divides.
  private func regexLength() -> Int? {
    let before = out.last { $0 != Self.space }
    let openers = Array("(,=:[{!&|\n".utf8)
    guard before.map(openers.contains) ?? true else { return nil }
    guard let next = byte(1), next != Self.space, next != Self.newline else { return nil }
    var offset = 1
    while let value = byte(offset), value != Self.newline {
      if value == Self.backslash {
        offset += 2
      } else if value == Self.slash {
        return offset + 1
      } else {
        offset += 1
      }
    }
    return nil
  }
}
