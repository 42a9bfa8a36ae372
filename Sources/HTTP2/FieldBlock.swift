import CNGHTTP2

/// Header or trailer fields to send. In one piece of memory: what every answer shares is handed
/// along with every answer.
public struct FieldBlock: Sendable, Hashable {
  /// The lengths of a field's name and value, as they stand before its bytes.
  private struct Lengths: BitwiseCopyable {
    var name: Int
    var value: Int
  }

  private var bytes: [UInt8] = []
  /// Fields held.
  public private(set) var count = 0

  /// Bytes of all names and values, each field counted with 32 extra, as HTTP/2 counts them.
  public var listBytes: Int { bytes.count &+ count &* (32 - MemoryLayout<Lengths>.size) }

  /// No fields.
  public init() {}

  /// Fields in the order given; names in lower case, pseudo-header fields first.
  public init(_ fields: [(String, String)]) {
    for (name, value) in fields { append(name, value) }
  }

  /// Adds a field. The name is in lower case.
  public mutating func append(_ name: String, _ value: String) {
    append(name.utf8, value.utf8)
  }

  /// Adds a field whose value is at hand as bytes.
  public mutating func append(_ name: String, bytes value: [UInt8]) {
    append(name.utf8, value)
  }

  private mutating func append(
    _ name: some Collection<UInt8>, _ value: some Collection<UInt8>
  ) {
    let lengths = Lengths(name: name.count, value: value.count)
    withUnsafeBytes(of: lengths) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: name)
    bytes.append(contentsOf: value)
    count += 1
  }

  /// Adds the fields of another block.
  public mutating func append(contentsOf other: FieldBlock) {
    bytes.append(contentsOf: other.bytes)
    count += other.count
  }

  /// Lends the fields as the C library takes them; it copies what it keeps.
  func withNameValues<Result>(
    _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result
  ) -> Result {
    bytes.withUnsafeBytes { source in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: count) { pairs in
        guard let base = source.baseAddress else { return body(nil, 0) }
        // The library never writes through these, its type only lacks the const.
        var next = UnsafeMutableRawPointer(mutating: base)
        for index in 0..<count {
          let lengths = next.loadUnaligned(as: Lengths.self)
          let name = next + MemoryLayout<Lengths>.size
          let value = name + lengths.name
          pairs.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: name.assumingMemoryBound(to: UInt8.self),
              value: value.assumingMemoryBound(to: UInt8.self),
              namelen: lengths.name, valuelen: lengths.value,
              flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
          next = value + lengths.value
        }
        return body(UnsafePointer(pairs.baseAddress), count)
      }
    }
  }
}
