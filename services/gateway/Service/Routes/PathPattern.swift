/// A path from `google.api.http`: literal segments, variables, and at most one verb after a colon.
///
/// Each variable takes one segment. Wildcards and variables over several segments are not offered;
/// a rule that has them is refused at start.
struct PathPattern: Sendable, Hashable {
  /// One part between slashes.
  enum Segment: Sendable, Hashable {
    case literal(String)
    /// The path of the request field it fills, by proto names: `client.name` is two.
    case variable([String])
  }

  /// Why a text is no pattern.
  struct Malformed: Error, CustomStringConvertible {
    let description: String
  }

  /// As written in the proto.
  let text: String
  let segments: [Segment]
  /// After the colon; nil without one.
  let verb: String?

  /// Reads a pattern.
  init(_ text: String) throws {
    self.text = text
    guard text.hasPrefix("/"), text.utf8.count <= 512 else {
      throw Malformed(description: "route \(text) does not begin with a slash")
    }
    var parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    var verb: String?
    if let last = parts.last, let colon = last.lastIndex(of: ":"),
      colon > (last.lastIndex(of: "}") ?? last.startIndex) || !last.contains("}")
    {
      verb = String(last[last.index(after: colon)...])
      parts[parts.count - 1] = last[..<colon]
    }
    self.verb = verb
    segments = try parts.map { try Self.segment($0, of: text) }
    guard verb?.isEmpty != true, segments.count <= RouteTree.segmentsMax else {
      throw Malformed(description: "route \(text) has an empty verb or too many parts")
    }
  }

  private static func segment(_ part: Substring, of text: String) throws -> Segment {
    if part.hasPrefix("{"), part.hasSuffix("}") {
      var inner = part.dropFirst().dropLast()
      if inner.hasSuffix("=*") { inner = inner.dropLast(2) }
      let path = inner.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard path.allSatisfy(isName) else {
        throw Malformed(description: "route \(text): {\(inner)} is not offered")
      }
      return .variable(path)
    }
    guard !part.isEmpty, !part.contains(where: { "{}*:?#%".contains($0) }) else {
      throw Malformed(description: "route \(text): \"\(part)\" is not offered")
    }
    return .literal(String(part))
  }

  private static func isName(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
      }
  }

  /// The paths of the fields it fills.
  var variables: [[String]] {
    segments.compactMap {
      if case .variable(let path) = $0 { return path }
      return nil
    }
  }

  /// The path with the variables that have a value filled in, the others left as `{name}`.
  func filled(_ values: [[String]: String]) -> String {
    let parts = segments.map { segment -> String in
      switch segment {
      case .literal(let text): text
      case .variable(let path):
        values[path].map(PercentCoding.encode) ?? "{\(path.joined(separator: "."))}"
      }
    }
    return "/" + parts.joined(separator: "/") + (verb.map { ":\($0)" } ?? "")
  }
}

/// Percent encoding as in RFC 3986, with `+` for a blank in queries.
enum PercentCoding {
  /// Decodes; nil when an escape is malformed, or the bytes are no UTF-8 or hold a NUL.
  static func decode(_ text: some StringProtocol, plusIsBlank: Bool = false) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit)
        else { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsBlank: bytes.append(0x20)
      default: bytes.append(byte)
      }
    }
    guard !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// Encodes everything but letters, digits and `-._~`.
  static func encode(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      let scalar = Unicode.Scalar(byte)
      if scalar.properties.isAlphabetic && byte < 0x80 || (0x30...0x39).contains(byte)
        || "-._~".unicodeScalars.contains(scalar)
      {
        encoded.unicodeScalars.append(scalar)
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return encoded
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x57
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x37
    default: nil
    }
  }
}
