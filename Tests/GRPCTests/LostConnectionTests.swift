import BenchAPI
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GRPC

/// What becomes of calls when the other end goes away without a word, or stops taking.
@Suite struct LostConnectionTests {
  @Test("calls under way and calls that wait all end when the connection is cut")
  func cut() async throws {
    let server = try await SilentServer.start()
    var settings = ChannelSettings()
    settings.streamsMax = 1
    let channel = try ClientChannel(host: "127.0.0.1", port: server.port, settings: settings)
    let client = EchoClient(channel)
    let ended = try await withThrowingTaskGroup(of: StatusCode?.self) { group in
      for n in 0..<3 {
        group.addTask {
          await refusal {
            try await client.unary(
              EchoRequest(n: Int32(n)), options: CallOptions(timeout: .seconds(3)))
          }?.code
        }
      }
      // The preface and one call have come; the others wait for its end.
      #expect(await eventually { server.receivedBytes > 80 })
      try await server.vanish()
      return try await group.reduce(into: [StatusCode?]()) { $0.append($1) }
    }
    #expect(ended.count == 3)
    #expect(ended.allSatisfy { $0 == .unavailable || $0 == .deadlineExceeded }, "\(ended)")
    await channel.close(grace: .zero)
  }

  @Test("an answer for which the peer opens no window is given up in time")
  func closedWindow() async throws {
    var settings = ServerSettings()
    settings.writeIdleTimeout = .milliseconds(200)
    settings.defaultDeadline = .milliseconds(300)
    try await withServer([echo()], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      let noWindow: [UInt8] = [0, 4, 0, 0, 0, 0]
      peer.send(
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + RawPeer.frame(4, stream: 0, noWindow)
          + RawPeer.request(stream: 1)
          + RawPeer.data(stream: 1, [0, 0, 0, 0, 2, 0x10, 7], end: true))
      #expect(await eventually { peer.heard(frame: 3, stream: 1) })
      peer.close()
    }
  }
}

/// Takes connections, says that it speaks HTTP/2, and nothing more.
private final class SilentServer: Sendable {
  private final class Listener: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let received = Atomic<Int>(0)
    let channels = Mutex<[any Channel]>([])

    func channelActive(context: ChannelHandlerContext) {
      let channel = context.channel
      channels.withLock { $0.append(channel) }
      channel.writeAndFlush(
        channel.allocator.buffer(bytes: RawPeer.frame(4, stream: 0)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      received.wrappingAdd(unwrapInboundIn(data).readableBytes, ordering: .relaxed)
    }
  }

  private let listener: Listener
  private let socket: any Channel

  private init(_ listener: Listener, _ socket: any Channel) {
    self.listener = listener
    self.socket = socket
  }

  static func start() async throws -> SilentServer {
    let listener = Listener()
    let socket = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { $0.pipeline.addHandler(listener) }
      .bind(host: "127.0.0.1", port: 0).get()
    return SilentServer(listener, socket)
  }

  var port: Int { socket.localAddress?.port ?? 0 }
  var receivedBytes: Int { listener.received.load(ordering: .relaxed) }

  /// Closes every connection and takes no more.
  func vanish() async throws {
    try await socket.close()
    for channel in listener.channels.withLock({ $0 }) { channel.close(promise: nil) }
  }
}
