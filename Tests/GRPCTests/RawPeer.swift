import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A socket on which a test says whatever it wants.
final class RawPeer: Sendable {
  private let reader: Reader
  private let channel: any Channel

  var received: [UInt8] { reader.state.withLock { $0.received } }
  var isClosed: Bool { reader.state.withLock { $0.isClosed } }

  private final class Reader: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    struct State {
      var received: [UInt8] = []
      var isClosed = false
    }

    let state = Mutex(State())

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = Array(unwrapInboundIn(data).readableBytesView)
      state.withLock { $0.received += bytes }
    }

    func channelInactive(context: ChannelHandlerContext) {
      state.withLock { $0.isClosed = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }

  private init(_ reader: Reader, _ channel: any Channel) {
    self.reader = reader
    self.channel = channel
  }

  static func connect(port: Int, tls: NIOSSLContext? = nil) async throws -> RawPeer {
    let reader = Reader()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
            try channel.pipeline.syncOperations.addHandler(handler)
          }
          try channel.pipeline.syncOperations.addHandler(reader)
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return RawPeer(reader, channel)
  }

  /// The certificate that the server showed.
  func certificate() async throws -> NIOSSLCertificate? {
    try await channel.eventLoop.submit { [channel] in
      try channel.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self).peerCertificate
    }.get()
  }

  /// Sends; what cannot be sent any more is forgotten.
  func send(_ bytes: [UInt8]) {
    channel.writeAndFlush(channel.allocator.buffer(bytes: bytes), promise: nil)
  }

  func close() { channel.close(promise: nil) }

  // MARK: Frames

  static let opening: [UInt8] =
    Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, stream: 0)

  static func frame(
    _ type: UInt8, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = []
  ) -> [UInt8] {
    let count = UInt32(payload.count)
    return big(count).dropFirst() + [type, flags] + big(stream) + payload
  }

  static func big(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
  }

  /// The head of a call, its fields written out one by one.
  static func request(
    stream: UInt32, path: String = "/bench.v1.Echo/Unary",
    contentType: String = "application/grpc", end: Bool = false, _ more: [(String, String)] = []
  ) -> [UInt8] {
    var block: [UInt8] = [0x83, 0x86]
    for (name, value) in [(":path", path), (":authority", "x"), ("content-type", contentType)]
      + more
    {
      block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
      block += [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    return frame(1, flags: end ? 5 : 4, stream: stream, block)
  }

  static func data(stream: UInt32, _ payload: [UInt8], end: Bool) -> [UInt8] {
    frame(0, flags: end ? 1 : 0, stream: stream, payload)
  }

  /// A frame as it came.
  struct Frame {
    let type: UInt8
    let flags: UInt8
    let stream: UInt32
    let payload: [UInt8]
  }

  /// Every whole frame received so far.
  var frames: [Frame] {
    var rest = received[...]
    var frames: [Frame] = []
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      guard rest.count >= 9 + count else { break }
      let id = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      frames.append(
        Frame(
          type: head[3], flags: head[4], stream: id,
          payload: Array(rest.dropFirst(9).prefix(count))))
      rest = rest.dropFirst(9 + count)
    }
    return frames
  }

  /// True once a frame of the type was received.
  func heard(frame type: UInt8, stream: UInt32? = nil) -> Bool {
    frames.contains { $0.type == type && (stream == nil || $0.stream == stream) }
  }

  /// The bodies received on a stream so far.
  func body(stream: UInt32) -> [UInt8] {
    frames.filter { $0.type == 0 && $0.stream == stream }.flatMap(\.payload)
  }

  /// The HTTP status that a stream was answered with. One that HPACK's own table does not have is
  /// found the first time only that a connection is told it.
  func status(stream: UInt32) -> Int? {
    let head = frames.first { $0.type == 1 && $0.stream == stream }
    guard let block = head?.payload else { return nil }
    if block.first == 0x88 { return 200 }
    guard block.starts(with: [0x48, 3]) else { return nil }
    return Int(String(decoding: block.dropFirst(2).prefix(3), as: UTF8.self))
  }

  /// The code of the last RST_STREAM received on a stream.
  func resetCode(stream: UInt32) -> UInt32? {
    frames.last { $0.type == 3 && $0.stream == stream }?.payload.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// True once the stream was ended by the server.
  func ended(stream: UInt32) -> Bool {
    frames.contains { $0.stream == stream && $0.type <= 1 && $0.flags & 1 != 0 }
  }
}
