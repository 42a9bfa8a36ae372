import CProtobufC

/// A protobuf message as a Swift value. Generated code conforms; the wire coding is
/// libprotobuf-c's, behind a pre-scan that bounds what the bytes may cost.
///
/// Fields that are not declared are dropped; enum values that are not declared are kept.
public protocol Message: Sendable, Hashable, JSONMappable {
  /// The message with every field at its default.
  init()

  /// The name in the proto, such as "clientele.identity.v1.SignInRequest".
  static var fullName: String { get }

  /// What may stand in the bytes.
  static var wireTable: WireTable { get }

  /// The C struct with every field at its default. For generated code and this room.
  static func blankStructure(in arena: Arena) -> UnsafeMutableRawPointer

  /// Reads the C struct that libprotobuf-c filled. For generated code and this room.
  init(structure: UnsafeRawPointer)

  /// Fills a C struct. For generated code and this room.
  func structure(in arena: Arena) -> UnsafeMutableRawPointer
}

extension Message {
  /// Reads a message.
  /// - Parameters:
  ///   - bytes: exactly one serialised message; the caller bounds its size.
  ///   - limits: what it may cost.
  public init(
    serialized bytes: UnsafeRawBufferPointer, limits: DecodingLimits = .standard
  ) throws(DecodeError) {
    try Self.wireTable.check(bytes, limits: limits)
    self.init()
    var failure: DecodeError.Kind?
    Arena.lend(budget: limits.arenaBytes) { arena in
      let blank = Self.blankStructure(in: arena).assumingMemoryBound(to: ProtobufCMessage.self)
      guard
        let message = protobuf_c_message_unpack(
          blank.pointee.descriptor, arena.allocator, bytes.count,
          bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
      else {
        failure = arena.isSpent ? .budgetExceeded : .refused
        return
      }
      self = Self(structure: UnsafeRawPointer(message))
    }
    if let failure { throw DecodeError(kind: failure, offset: 0) }
  }

  /// Reads a message from an array.
  public init(
    serialized bytes: [UInt8], limits: DecodingLimits = .standard
  ) throws(DecodeError) {
    self = try bytes.withUnsafeBufferPointer { (raw) throws(DecodeError) -> Self in
      try Self(serialized: UnsafeRawBufferPointer(raw), limits: limits)
    }
  }

  /// Reads a message from part of an array.
  public init(
    serialized bytes: ArraySlice<UInt8>, limits: DecodingLimits = .standard
  ) throws(DecodeError) {
    self = try bytes.withUnsafeBufferPointer { (raw) throws(DecodeError) -> Self in
      try Self(serialized: UnsafeRawBufferPointer(raw), limits: limits)
    }
  }

  /// The message's bytes; equal messages have equal bytes.
  public func serialized() -> [UInt8] { serialized(after: 0) }

  /// The message's bytes behind a gap of zeroes, for a frame header to be written into.
  /// - Parameter gap: bytes to leave in front.
  public func serialized(after gap: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    Arena.lend(budget: 0) { arena in
      let message = structure(in: arena).assumingMemoryBound(to: ProtobufCMessage.self)
      let size = protobuf_c_message_get_packed_size(message)
      // The empty array is one for all threads, and making it by hand would write to it.
      guard gap + size > 0 else { return }
      // Copied from where it is packed: an array of bytes not yet there is made by code that
      // knows nothing of bytes, at ten times the price.
      let packed = UnsafeMutableRawBufferPointer(
        start: arena.reserve(gap + size), count: gap + size)
      packed.prefix(gap).initializeMemory(as: UInt8.self, repeating: 0)
      protobuf_c_message_pack(
        message, packed.baseAddress?.advanced(by: gap).assumingMemoryBound(to: UInt8.self))
      bytes = [UInt8](packed)
    }
    return bytes
  }

  /// Reads proto3 JSON.
  /// - Parameter bytes: one JSON text in UTF-8; bounded as `JSONValue.init(utf8:)` says.
  public init(jsonUTF8 bytes: some Sequence<UInt8>) throws {
    try self.init(json: JSONValue(utf8: bytes))
  }

  /// Proto3 JSON, in UTF-8, without spaces.
  public var jsonUTF8: [UInt8] { json.utf8 }
}
