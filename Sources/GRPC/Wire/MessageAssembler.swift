/// Cuts a body into messages: one byte that says whether it is compressed, four of length, and as
/// many bytes as that. A length is held against the limit before room is made for it.
struct MessageAssembler {
  private var prefix: (flag: UInt8, length: UInt32, count: Int) = (0, 0, 0)
  private var message: [UInt8] = []
  /// Most bytes of one message, compressed or not.
  let limit: Int
  /// How messages are packed whose first byte says that they are.
  var encoding: Compression

  init(limit: Int, encoding: Compression = .identity) {
    self.limit = limit
    self.encoding = encoding
  }

  /// True when a message has begun and not ended.
  var isInsideMessage: Bool { prefix.count > 0 }

  /// Bytes held for the message that has begun.
  var heldBytes: Int { message.count }

  /// Takes part of a body and hands out each message that it completes, and whether it is
  /// compressed; the bytes are lent as they came.
  mutating func add(
    _ chunk: UnsafeRawBufferPointer, to receive: (UnsafeRawBufferPointer, Bool) -> Void
  ) throws(RPCError) {
    var rest = chunk
    while !rest.isEmpty || prefix.count == 5 {
      if prefix.count < 5 {
        guard takePrefix(&rest) else { return }
        try check()
      }
      let wanted = Int(prefix.length) - message.count
      if message.isEmpty, rest.count >= wanted {
        // The usual case: all of it lies in one piece, nothing is copied.
        prefix.count = 0
        receive(UnsafeRawBufferPointer(rebasing: rest.prefix(wanted)), prefix.flag != 0)
      } else {
        message.append(contentsOf: rest.prefix(wanted))
        guard message.count == Int(prefix.length) else { return }
        prefix.count = 0
        let whole = message
        message = []
        whole.withUnsafeBytes { receive($0, prefix.flag != 0) }
      }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(wanted))
    }
  }

  private mutating func takePrefix(_ rest: inout UnsafeRawBufferPointer) -> Bool {
    while prefix.count < 5, let byte = rest.first {
      if prefix.count == 0 {
        prefix.flag = byte
        prefix.length = 0
      } else {
        prefix.length = prefix.length << 8 | UInt32(byte)
      }
      prefix.count += 1
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
    }
    return prefix.count == 5
  }

  private func check() throws(RPCError) {
    guard prefix.flag == 0 || (prefix.flag == 1 && encoding == .gzip) else {
      throw RPCError(
        .internalError,
        prefix.flag == 1
          ? "a message is compressed, which grpc-encoding does not announce"
          : "a message begins with the byte \(prefix.flag), which means nothing")
    }
    guard Int(prefix.length) <= limit else {
      throw RPCError(
        .resourceExhausted, "a message of \(prefix.length) bytes; at most \(limit) are taken")
    }
  }

  /// The five bytes before a message, the first in the lowest byte.
  static func head(of message: [UInt8], compressed: Bool = false) -> UInt64 {
    UInt64(UInt32(truncatingIfNeeded: message.count).byteSwapped) << 8 | (compressed ? 1 : 0)
  }
}
