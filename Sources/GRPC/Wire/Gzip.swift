import CZlib

/// gzip, one message at a time. The state of the C library lives no longer than a call.
enum Gzip {
  /// The largest window, and 16 more for gzip's own head and tail around the stream.
  private static let windowBits: Int32 = 15 + 16

  /// Packs bytes, fast rather than small: this happens on an event loop.
  static func deflate(_ bytes: [UInt8]) throws(RPCError) -> [UInt8] {
    var stream = z_stream()
    guard let length = UInt32(exactly: bytes.count),
      deflateInit2_(
        &stream, Z_BEST_SPEED, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw RPCError(.internalError, "a message cannot be compressed") }
    defer { deflateEnd(&stream) }
    // Room for the worst case, so that one call does it all.
    let bound = Int(deflateBound(&stream, UInt(length)))
    var ended = Z_OK
    let packed = [UInt8](unsafeUninitializedCapacity: bound) { target, count in
      bytes.withUnsafeBufferPointer { source in
        // The library never writes through this, its type only lacks the const.
        stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
        stream.avail_in = length
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(clamping: bound)
        ended = CZlib.deflate(&stream, Z_FINISH)
      }
      count = bound &- Int(stream.avail_out)
    }
    guard ended == Z_STREAM_END else {
      throw RPCError(.internalError, "a message cannot be compressed")
    }
    return packed
  }

  /// Unpacks bytes, which may be several gzip files one after the other.
  ///
  /// - Parameter limit: no more than this is taken, and one byte more is ever written.
  /// - Throws: RESOURCE_EXHAUSTED above the limit, INTERNAL for what is no gzip or not all of it.
  static func inflate(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(RPCError) -> [UInt8] {
    var stream = z_stream()
    guard let length = UInt32(exactly: bytes.count),
      inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw RPCError(.internalError, "a message cannot be inflated") }
    defer { inflateEnd(&stream) }
    stream.next_in = UnsafeMutablePointer(
      mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = length
    var out: [UInt8] = []
    // Grows with what comes out: the length that the file itself names is not to be trusted.
    var room = min(limit, max(256, bytes.count &* 4)) &+ 1
    while true {
      let status = step(&stream, &out, room: room)
      guard out.count <= limit else {
        throw RPCError(
          .resourceExhausted, "a message inflates to more than \(limit) bytes, the most taken")
      }
      switch status {
      case Z_STREAM_END where stream.avail_in == 0:
        return out
      case Z_STREAM_END:
        inflateReset(&stream)
        room = min(limit &- out.count, 256) &+ 1
      case Z_OK where stream.avail_out == 0:
        room = min(limit &- out.count, out.count) &+ 1
      default:
        throw RPCError(.internalError, "a compressed message is damaged")
      }
    }
  }

  /// A message as it came, unpacked.
  static func message(
    _ bytes: [UInt8], isPacked: Bool, limit: Int
  ) throws(RPCError) -> ReceivedMessage {
    guard isPacked else { return ReceivedMessage(bytes) }
    return ReceivedMessage(
      try bytes.lend { bytes throws(RPCError) in try inflate(bytes, limit: limit) },
      wasCompressed: true)
  }

  private static func step(
    _ stream: inout z_stream, _ out: inout [UInt8], room: Int
  ) -> Int32 {
    var status = Z_OK
    let piece = [UInt8](unsafeUninitializedCapacity: room) { target, count in
      stream.next_out = target.baseAddress
      stream.avail_out = UInt32(clamping: room)
      status = CZlib.inflate(&stream, Z_NO_FLUSH)
      count = room &- Int(stream.avail_out)
    }
    if out.isEmpty { out = piece } else { out += piece }
    return status
  }
}
