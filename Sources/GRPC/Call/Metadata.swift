/// The pairs that ride beside a message: text, or bytes under a key that ends in `-bin`.
///
/// Keys are lower case and may repeat; the order of the values of one key is kept.
public struct Metadata: Sendable, Hashable {
  /// One value.
  public enum Value: Sendable, Hashable {
    /// Printable ASCII.
    case text(String)
    /// Any bytes; base64 on the wire.
    case binary([UInt8])
  }

  /// One pair.
  public struct Entry: Sendable, Hashable {
    /// Lower case; ends in `-bin` exactly when the value is binary.
    public let key: String
    /// What was said.
    public let value: Value
  }

  /// Every pair in the order it was added.
  public private(set) var entries: [Entry] = []

  /// No pairs.
  public init() {}

  /// Bytes of memory that the pairs take, about.
  var heldBytes: Int {
    entries.reduce(0) { sum, entry in
      let bytes =
        switch entry.value {
        case .text(let text): text.utf8.count
        case .binary(let bytes): bytes.count
        }
      return sum &+ entry.key.utf8.count &+ bytes &+ MemoryLayout<Entry>.stride
    }
  }

  /// True without pairs.
  public var isEmpty: Bool { entries.isEmpty }

  /// Every text under the key; setting replaces them.
  public subscript(string key: String) -> [String] {
    get {
      entries.compactMap {
        guard case .text(let text) = $0.value, $0.key == key else { return nil }
        return text
      }
    }
    set {
      removeAll(key)
      for text in newValue { append(text, for: key) }
    }
  }

  /// Every byte string under the key, which must end in `-bin`; setting replaces them.
  public subscript(binary key: String) -> [[UInt8]] {
    get {
      entries.compactMap {
        guard case .binary(let bytes) = $0.value, $0.key == key else { return nil }
        return bytes
      }
    }
    set {
      removeAll(key)
      for bytes in newValue { append(binary: bytes, for: key) }
    }
  }

  /// The first text under the key.
  public func first(_ key: String) -> String? {
    for entry in entries where entry.key == key {
      if case .text(let text) = entry.value { return text }
    }
    return nil
  }

  /// The first byte string under the key, which must end in `-bin`.
  public func first(binary key: String) -> [UInt8]? {
    for entry in entries where entry.key == key {
      if case .binary(let bytes) = entry.value { return bytes }
    }
    return nil
  }

  /// Adds a text. Left out, and false returned, when the key is not a legal one for texts or the
  /// value is not printable ASCII: such a pair would end the whole connection. Spaces at its ends
  /// are dropped: they mean nothing on the wire.
  @discardableResult
  public mutating func append(_ text: String, for key: String) -> Bool {
    let key = key.lowercased()
    guard Self.isLegal(key: key), !key.hasSuffix("-bin") else { return false }
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 <= 0x7e }) else { return false }
    entries.append(Entry(key: key, value: .text(Self.trimmed(text))))
    return true
  }

  /// Adds bytes. Left out, and false returned, when the key is illegal or lacks the ending `-bin`.
  @discardableResult
  public mutating func append(binary bytes: [UInt8], for key: String) -> Bool {
    let key = key.lowercased()
    guard Self.isLegal(key: key), key.hasSuffix("-bin") else { return false }
    entries.append(Entry(key: key, value: .binary(bytes)))
    return true
  }

  /// Takes every pair of that key out.
  public mutating func removeAll(_ key: String) {
    entries.removeAll { $0.key == key }
  }

  /// Adds the pairs of another.
  public mutating func append(contentsOf other: Metadata) {
    entries.append(contentsOf: other.entries)
  }

  /// What was received: already checked by the HTTP/2 library.
  mutating func append(received entry: Entry) {
    entries.append(entry)
  }

  private static func trimmed(_ text: String) -> String {
    guard text.first == " " || text.last == " " else { return text }
    let start = text.drop { $0 == " " }
    return String(start.reversed().drop { $0 == " " }.reversed())
  }

  /// Bytes of all names and values on the wire, each pair counted with 32 extra.
  var listBytes: Int {
    entries.reduce(0) { sum, entry in
      switch entry.value {
      case .text(let text): sum &+ entry.key.utf8.count &+ text.utf8.count &+ 32
      case .binary(let bytes): sum &+ entry.key.utf8.count &+ (bytes.count &* 4 &+ 2) / 3 &+ 32
      }
    }
  }

  /// Letters, digits, `_`, `-`, `.`; not what HTTP/2 or gRPC keep for themselves.
  static func isLegal(key: String) -> Bool {
    guard !key.isEmpty, !key.hasPrefix("grpc-"), !reserved.contains(key) else { return false }
    return key.utf8.allSatisfy { byte in
      (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39)
        || byte == 0x2d || byte == 0x2e || byte == 0x5f
    }
  }

  /// Names that carry protocol, not metadata.
  static let reserved: Set<String> = [
    "te", "content-type", "content-length", "connection", "keep-alive", "proxy-connection",
    "transfer-encoding", "upgrade", "host", "user-agent",
  ]
}
