import CNGHTTP2

/// Header or trailer fields to send.
public struct FieldBlock: Sendable, Hashable {
  private struct Extent: Sendable, Hashable {
    var name: Int
    var value: Int
  }

  private var bytes: [UInt8] = []
  private var extents: [Extent] = []

  /// No fields.
  public init() {}

  /// Fields in the order given; names in lower case, pseudo-header fields first.
  public init(_ fields: [(String, String)]) {
    for (name, value) in fields { append(name, value) }
  }

  /// Fields held.
  public var count: Int { extents.count }

  /// Adds a field. The name is in lower case.
  public mutating func append(_ name: String, _ value: String) {
    bytes.append(contentsOf: name.utf8)
    bytes.append(contentsOf: value.utf8)
    extents.append(Extent(name: name.utf8.count, value: value.utf8.count))
  }

  /// Adds a field whose value is at hand as bytes.
  public mutating func append(_ name: String, bytes value: [UInt8]) {
    bytes.append(contentsOf: name.utf8)
    bytes.append(contentsOf: value)
    extents.append(Extent(name: name.utf8.count, value: value.count))
  }

  /// Adds the fields of another block.
  public mutating func append(contentsOf other: FieldBlock) {
    bytes.append(contentsOf: other.bytes)
    extents.append(contentsOf: other.extents)
  }

  /// Lends the fields as the C library takes them; it copies what it keeps.
  func withNameValues<Result>(
    _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result
  ) -> Result {
    bytes.withUnsafeBufferPointer { source in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: extents.count) { pairs in
        guard let base = source.baseAddress else { return body(nil, 0) }
        // The library never writes through these, its type only lacks the const.
        var next = UnsafeMutablePointer(mutating: base)
        for (index, extent) in extents.enumerated() {
          let value = next + extent.name
          pairs.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: next, value: value, namelen: extent.name, valuelen: extent.value,
              flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
          next = value + extent.value
        }
        return body(UnsafePointer(pairs.baseAddress), extents.count)
      }
    }
  }
}
