import Crypto
import Protobuf

/// Where the next page of a list begins: the sort keys of the last row shown, bound to the filters
/// of the list. Opaque to callers, and without any authority: rows are filtered by the caller's
/// rights on every page.
public struct PageToken: Sendable, Hashable {
  /// The sort keys of the last row shown.
  public let keys: [String]

  /// The longest token looked at, in bytes: two names of 100 characters, decomposed to be sorted by,
  /// and an id take 2 500.
  static let bytesMax = 4096

  /// A token for the row after these keys.
  public init(keys: [String]) {
    self.keys = keys
  }

  /// The text for `next_page_token`: the filters' digest, then each key with its length in two bytes
  /// before it.
  ///
  /// - Parameter filters: what the list was asked, in a fixed order.
  public func text(filters: [String]) -> String {
    var bytes = Self.digest(filters)
    for key in keys {
      let count = key.utf8.count
      bytes += [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
      bytes += key.utf8
    }
    return String(decoding: Base64.encode(bytes).utf8.compactMap(Self.forAddresses), as: UTF8.self)
  }

  /// A character of base64 as addresses may hold it; nil for padding.
  private static func forAddresses(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "+"): UInt8(ascii: "-")
    case UInt8(ascii: "/"): UInt8(ascii: "_")
    case UInt8(ascii: "="): nil
    default: character
    }
  }

  /// Reads a token; nil when it is malformed or was made for other filters or key counts.
  public init?(_ text: String, filters: [String], keyCount: Int) {
    let digest = Self.digest(filters)
    guard text.utf8.count <= Self.bytesMax, let bytes = Base64.decode(text),
      bytes.starts(with: digest)
    else { return nil }
    var rest = bytes.dropFirst(digest.count)
    var keys: [String] = []
    while let high = rest.popFirst() {
      guard let low = rest.popFirst() else { return nil }
      let count = Int(high) << 8 | Int(low)
      // NUL is in no row's key, and the database takes none.
      guard count <= rest.count, !rest.prefix(count).contains(0),
        let key = String(validating: rest.prefix(count), as: UTF8.self)
      else { return nil }
      keys.append(key)
      rest = rest.dropFirst(count)
    }
    guard keys.count == keyCount else { return nil }
    self.keys = keys
  }

  private static func digest(_ filters: [String]) -> [UInt8] {
    let joined = filters.map { "\($0.utf8.count):\($0)" }.joined()
    return Array(SHA256.hash(data: [UInt8](joined.utf8)).prefix(9))
  }
}
