import NIOCore
import NIOPosix
import Synchronization

@testable import GRPC

/// A server that says to each call whatever a test wants, in bytes.
final class RawServer: Sendable {
  /// One call, counted from 0 over all connections.
  struct Call: Sendable {
    let number: Int
    let stream: UInt32
    /// Counted from 0.
    let connection: Int
    /// The fields of its head, as they came.
    let block: [UInt8]
  }

  typealias Answer = @Sendable (Call) -> [UInt8]

  private final class Listener: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    struct State {
      var connections: [ObjectIdentifier: Int] = [:]
      var rest: [ObjectIdentifier: [UInt8]] = [:]
      var channels: [any Channel] = []
      var calls = 0
      var resets: [UInt32: UInt32] = [:]
      var pings = 0
      var bodyBytes = 0
    }

    let state = Mutex(State())
    let greeting: [UInt8]
    let isDeaf: Bool
    let answer: Answer

    init(greeting: [UInt8], isDeaf: Bool, answer: @escaping Answer) {
      self.greeting = greeting
      self.isDeaf = isDeaf
      self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
      let channel = context.channel
      state.withLock { state in
        state.connections[ObjectIdentifier(channel)] = state.channels.count
        state.channels.append(channel)
      }
      channel.writeAndFlush(channel.allocator.buffer(bytes: greeting), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      guard !isDeaf else { return }
      let bytes = Array(unwrapInboundIn(data).readableBytesView)
      let channel = context.channel
      let id = ObjectIdentifier(channel)
      let reply = state.withLock { state -> [UInt8] in
        var rest = state.rest[id, default: []] + bytes
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        if rest.starts(with: preface) { rest.removeFirst(preface.count) }
        var reply: [UInt8] = []
        while let frame = Self.frame(&rest) { reply += heard(frame, on: id, &state) }
        state.rest[id] = rest
        return reply
      }
      guard !reply.isEmpty else { return }
      channel.writeAndFlush(channel.allocator.buffer(bytes: reply), promise: nil)
    }

    private struct Frame {
      let type: UInt8
      let flags: UInt8
      let stream: UInt32
      let payload: [UInt8]
    }

    private static func frame(_ bytes: inout [UInt8]) -> Frame? {
      guard bytes.count >= 9 else { return nil }
      let count = Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2])
      guard bytes.count >= 9 + count else { return nil }
      defer { bytes.removeFirst(9 + count) }
      return Frame(
        type: bytes[3], flags: bytes[4],
        stream: bytes[5..<9].reduce(0) { $0 << 8 | UInt32($1) },
        payload: Array(bytes[9..<(9 + count)]))
    }

    private func heard(_ frame: Frame, on id: ObjectIdentifier, _ state: inout State) -> [UInt8] {
      switch frame.type {
      case 1:
        defer { state.calls += 1 }
        return answer(
          Call(
            number: state.calls, stream: frame.stream, connection: state.connections[id] ?? -1,
            block: frame.payload))
      case 3:
        state.resets[frame.stream] = frame.payload.reduce(0) { $0 << 8 | UInt32($1) }
        return []
      case 0 where !frame.payload.isEmpty:
        // Lets the client send on, as much again.
        state.bodyBytes += frame.payload.count
        let count = RawPeer.big(UInt32(frame.payload.count))
        return RawPeer.frame(8, stream: 0, count) + RawPeer.frame(8, stream: frame.stream, count)
      case 4 where frame.flags & 1 == 0:
        return RawPeer.frame(4, flags: 1, stream: 0)
      case 6 where frame.flags & 1 == 0:
        state.pings += 1
        return RawPeer.frame(6, flags: 1, stream: 0, frame.payload)
      default:
        return []
      }
    }
  }

  private let listener: Listener
  private let socket: any Channel

  private init(_ listener: Listener, _ socket: any Channel) {
    self.listener = listener
    self.socket = socket
  }

  /// - Parameters:
  ///   - greeting: what each connection begins with; a SETTINGS frame.
  ///   - isDeaf: it hears nothing, and so answers nothing.
  static func start(
    greeting: [UInt8] = RawPeer.frame(4, stream: 0), isDeaf: Bool = false,
    answer: @escaping Answer
  ) async throws -> RawServer {
    let listener = Listener(greeting: greeting, isDeaf: isDeaf, answer: answer)
    let socket = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { $0.pipeline.addHandler(listener) }
      .bind(host: "127.0.0.1", port: 0).get()
    return RawServer(listener, socket)
  }

  var port: Int { socket.localAddress?.port ?? 0 }
  /// Calls heard so far.
  var calls: Int { listener.state.withLock { $0.calls } }
  /// Connections taken so far.
  var connections: Int { listener.state.withLock { $0.channels.count } }
  /// Pings heard and answered so far.
  var pings: Int { listener.state.withLock { $0.pings } }
  /// Bytes of requests heard so far.
  var bodyBytes: Int { listener.state.withLock { $0.bodyBytes } }
  /// Streams that the client reset, with its code.
  var resets: [UInt32: UInt32] { listener.state.withLock { $0.resets } }

  /// Says something on every connection that is open.
  func say(_ bytes: [UInt8]) {
    for channel in listener.state.withLock({ $0.channels }) {
      channel.writeAndFlush(channel.allocator.buffer(bytes: bytes), promise: nil)
    }
  }

  func stop() async {
    try? await socket.close()
    for channel in listener.state.withLock({ $0.channels }) { channel.close(promise: nil) }
  }

  // MARK: Answers

  /// A block of fields; the status is always the first.
  static func headers(
    stream: UInt32, status: String = "200", end: Bool = false, _ fields: [(String, String)]
  ) -> [UInt8] {
    block(stream: stream, end: end, [(":status", status)] + fields)
  }

  static func block(stream: UInt32, end: Bool, _ fields: [(String, String)]) -> [UInt8] {
    var block: [UInt8] = []
    for (name, value) in fields {
      block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
      block += [UInt8(value.utf8.count)] + Array(value.utf8)
    }
    return RawPeer.frame(1, flags: end ? 5 : 4, stream: stream, block)
  }

  static let grpc = ("content-type", "application/grpc")

  /// An answer that is a status and nothing else.
  static func trailersOnly(
    stream: UInt32, _ status: Int, _ more: [(String, String)] = []
  ) -> [UInt8] {
    headers(stream: stream, end: true, [grpc, ("grpc-status", "\(status)")] + more)
  }

  /// A whole answer with an empty message.
  static func empty(stream: UInt32) -> [UInt8] {
    headers(stream: stream, [grpc])
      + RawPeer.data(stream: stream, [0, 0, 0, 0, 0], end: false)
      + block(stream: stream, end: true, [("grpc-status", "0")])
  }

  static func reset(stream: UInt32, _ code: UInt32) -> [UInt8] {
    RawPeer.frame(3, stream: stream, RawPeer.big(code))
  }

  static func goAway(last: UInt32, _ code: UInt32 = 0) -> [UInt8] {
    RawPeer.frame(7, stream: 0, RawPeer.big(last) + RawPeer.big(code))
  }
}

/// A raw server and a channel to it.
func withRawServer<Result>(
  greeting: [UInt8] = RawPeer.frame(4, stream: 0), isDeaf: Bool = false,
  _ change: (inout ChannelSettings) -> Void = { _ in },
  answer: @escaping RawServer.Answer,
  _ body: (RawServer, ClientChannel) async throws -> Result
) async throws -> Result {
  let server = try await RawServer.start(greeting: greeting, isDeaf: isDeaf, answer: answer)
  var settings = ChannelSettings()
  settings.defaultDeadline = .seconds(20)
  settings.connectTimeout = .seconds(10)
  change(&settings)
  let channel = try ClientChannel(host: "127.0.0.1", port: server.port, settings: settings)
  do {
    let result = try await body(server, channel)
    await channel.close(grace: .zero)
    await server.stop()
    return result
  } catch {
    await channel.close(grace: .zero)
    await server.stop()
    throw error
  }
}
