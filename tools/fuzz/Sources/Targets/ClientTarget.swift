import HTTP2
import NIOCore
import NIOEmbedded

@testable import GRPC

/// A connection of a client with all its layers: a server answers, or says whatever it likes, to
/// calls of every kind. However it goes, each call ends once and no stream is left.
enum ClientTarget {
  private static let bytesMax = 2_000

  static func run(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let shape = input.byte()
    let driver = try ChannelDriver(shape)
    var pieces =
      shape & 1 == 0 ? [input.remainder()] : FrameGrammar.pieces(&input, heads: heads)
    if shape & 2 == 0 { pieces.insert(FrameGrammar.rawFrame(4, flags: 0, 0, []), at: 0) }
    for piece in pieces { driver.turn(piece) }
    try driver.end()
  }

  private static let answer = [("content-type", "application/grpc")]
  private static let heads = [
    ok(answer), FrameGrammar.block([("grpc-status", "0"), ("x-trailer", "1")]),
    ok(answer + [("grpc-encoding", "gzip"), ("a-bin", "AAA,!")]),
    ok(answer + [("grpc-status", "14"), ("grpc-retry-pushback-ms", "5")]),
    FrameGrammar.block([
      ("grpc-status", "5"), ("grpc-message", "%e2%82"), ("grpc-status-details-bin", "CAUSAm5v"),
    ]),
    ok(answer + [("grpc-status", "999")]), FrameGrammar.block([(":status", "103")]),
    FrameGrammar.block([(":status", "503")]), ok([("content-type", "text/html")]),
    ok(answer + [("grpc-encoding", "br")]),
  ]

  private static func ok(_ fields: [(String, String)]) -> [UInt8] {
    [0x88] + FrameGrammar.block(fields)
  }

  /// A channel whose one connection is not to a socket.
  private final class ChannelDriver {
    private let loop = EmbeddedEventLoop()
    private let channel: EmbeddedChannel
    private let core: GRPC.ChannelCore
    private let connection: ClientConnection
    private let calls: [ClientCall]
    /// What the readers of streams take in a turn.
    private let taken: Int
    /// What passes in a turn.
    private let turnTime: TimeAmount

    init(_ shape: UInt8) throws {
      var settings = ChannelSettings()
      settings.responseBytesMax = bytesMax
      settings.streamWindow = shape & 4 == 0 ? 1 << 16 : 64
      settings.healthService = shape & 8 == 0 ? nil : "bench.v1.Echo"
      settings.streamsMax = shape & 16 == 0 ? 100 : 2
      taken = shape & 32 == 0 ? 0 : 200
      turnTime = .milliseconds(shape & 64 == 0 ? 0 : 100)
      core = GRPC.ChannelCore(
        loop: loop, targets: [], policy: .pickFirst, settings: settings, security: nil,
        lookUp: { _, _ in [] })
      connection = try ClientConnection(
        core, server: 0, authority: "x", settings: settings, expected: nil)
      let handler = Connection(session: connection.session, delegate: connection)
      connection.connection = handler
      let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
      let server = Server(
        id: 0, endpoint: Endpoint(address: address, authority: "x", host: "x"),
        backoff: settings.firstBackoff)
      server.connection = connection
      core.servers[0] = server
      core.connections = [connection]
      channel = EmbeddedChannel(handler: handler, loop: loop)
      calls = [false, true, false, true].enumerated().map { [core] index, isStream in
        ClientTarget.call(isStream: isStream, isRetried: index > 1, settings, core)
      }
      channel.connect(to: address, promise: nil)
      for call in calls { core.begin(call) }
      core.send(calls[1], Outbox.Message(bytes: [8, 1], isPacked: false), OneShot())
      core.endSending(calls[3])
    }

    func turn(_ bytes: [UInt8]) {
      guard channel.isActive else { return }
      _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
      loop.advanceTime(by: turnTime)
      // As the balancer would, which knows no server without a socket.
      core.picks = connection.takesCalls ? [connection] : []
      core.startWaiting()
      for call in calls where taken > 0 { call.connection?.taken(call, taken) }
      loop.run()
      while let _ = try? channel.readOutbound(as: ByteBuffer.self) {}
    }

    func end() throws {
      channel.close(promise: nil)
      loop.run()
      try expect(connection.openCalls == 0, "\(connection.openCalls) calls are on streams")
      try expect(connection.session.openStreams == 0, "streams are left")
      core.close(OneShot())
      // Later than the latest moment that a server may name for another attempt.
      loop.advanceTime(by: .hours(300))
      _ = try? channel.finish(acceptAlreadyClosed: true)
      for (index, call) in calls.enumerated() {
        try expect(call.isEnded, "call \(index) has not ended")
        try expect(call.message?.bytes.count ?? 0 <= bytesMax, "an answer beyond the bound")
      }
      let ends = core.metrics.samples().filter { $0.name == "grpc_client_handled_total" }
        .reduce(0) { $0 + $1.value }
      try expect(Int(ends) == calls.count, "\(calls.count) calls ended \(ends) times")
    }
  }

  private static func call(
    isStream: Bool, isRetried: Bool, _ settings: ChannelSettings, _ core: GRPC.ChannelCore
  ) -> ClientCall {
    let kind: ClientCall.Kind =
      isStream
      ? .stream(
        opened: OneShot(), queue: MessageQueue(inflatedMax: bytesMax), answer: StreamAnswer())
      : .unary(request: [8, 1], result: OneShot())
    let retries = isRetried ? RetryPolicy(retryableCodes: [.unavailable, .internalError]) : nil
    let call = ClientCall(
      path: "/bench.v1.Echo/Unary", options: CallOptions(waitsForReady: true),
      deadline: .distantFuture, kind: kind, settings: settings,
      config: MethodConfig([.all], retries: retries), metrics: core.metrics)
    if isStream { call.outbox = Outbox(limit: settings.retryBytesMax) }
    return call
  }
}
