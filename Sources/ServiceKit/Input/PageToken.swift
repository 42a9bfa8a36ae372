import Crypto
import Foundation
import Protobuf

/// Where the next page of a list begins: the sort keys of the last row shown, bound to the filters
/// of the list. Opaque to callers, and without any authority: rows are filtered by the caller's
/// rights on every page.
public struct PageToken: Sendable, Hashable {
  /// The sort keys of the last row shown.
  public let keys: [String]

  /// The longest token looked at, in bytes.
  static let bytesMax = 2048

  /// A token for the row after these keys.
  public init(keys: [String]) {
    self.keys = keys
  }

  /// The text for `next_page_token`.
  ///
  /// - Parameter filters: what the list was asked, in a fixed order.
  public func text(filters: [String]) -> String {
    let parts = [Self.digest(filters)] + keys
    let data = (try? JSONEncoder().encode(parts)) ?? Data()
    return String(decoding: Base64.encode(data).utf8.compactMap(Self.forAddresses), as: UTF8.self)
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
    guard text.utf8.count <= Self.bytesMax, let bytes = Base64.decode(text),
      let parts = try? JSONDecoder().decode([String].self, from: Data(bytes)),
      parts.count == keyCount + 1, parts.first == Self.digest(filters)
    else { return nil }
    keys = Array(parts.dropFirst())
  }

  private static func digest(_ filters: [String]) -> String {
    let joined = filters.map { "\($0.utf8.count):\($0)" }.joined()
    return SHA256.hash(data: Data(joined.utf8)).prefix(9).map { String($0, radix: 16) }.joined(
      separator: ".")
  }
}
