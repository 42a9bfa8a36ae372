/// What may stand in a message's bytes: the fields of the message and of every message inside it.
/// Generated, one per message, so that the pre-scan needs no other knowledge.
public final class WireTable: Sendable {
  /// How a field is written.
  public enum Kind: UInt8, Sendable {
    /// A varint.
    case varint
    /// Four bytes.
    case fixed32
    /// Eight bytes.
    case fixed64
    /// UTF-8 without NUL.
    case string
    /// Any bytes.
    case bytes
    /// A message.
    case message
    /// A varint that may come packed.
    case packedVarint
    /// Four bytes that may come packed.
    case packedFixed32
    /// Eight bytes that may come packed.
    case packedFixed64
  }

  /// One field.
  public struct Field: Sendable {
    let number: UInt32
    let kind: Kind
    let nested: UInt16

    /// - Parameters:
    ///   - number: the field's number.
    ///   - kind: how it is written.
    ///   - nested: for a message, its place in the table.
    public init(_ number: UInt32, _ kind: Kind, _ nested: UInt16 = 0) {
      self.number = number
      self.kind = kind
      self.nested = nested
    }
  }

  let fields: [Field]
  /// Where each message's fields begin in `fields`; one more at the end.
  let starts: [Int]

  /// - Parameter messages: the fields of each message by rising number, the outermost message first.
  public init(_ messages: [[Field]]) {
    var fields: [Field] = []
    var starts: [Int] = [0]
    for message in messages {
      fields += message
      starts.append(fields.count)
    }
    self.fields = fields
    self.starts = starts
  }

  /// Passes bytes that libprotobuf-c may unpack, and throws for all others.
  public func check(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits
  ) throws(DecodeError) {
    guard let start = bytes.baseAddress else { return }
    try fields.withUnsafeBufferPointer { (fields) throws(DecodeError) in
      try starts.withUnsafeBufferPointer { (starts) throws(DecodeError) in
        try withUnsafeTemporaryAllocation(of: WireScan.Frame.self, capacity: 16) {
          (stack) throws(DecodeError) in
          var scan = WireScan(
            bytes: start, fields: fields, starts: starts, stack: stack, limits: limits,
            end: bytes.count)
          try scan.run()
        }
      }
    }
  }
}
