import BenchAPI
import CommonAPI
import Protobuf
import Testing

@testable import GRPC

/// Bounds as a server's settings name them: what reaches one passes, one more is refused, and the
/// server's figures say so. Those that need a story of their own stand with it, in `OverloadTests`,
/// `PatienceTests` and `ConnectionLifeTests`.
@Suite struct ServerBoundTests {
  /// What a bound of the server does at its limit and one above it.
  private func expectEdge(
    _ bound: ServerBound, of services: [ServiceBinding] = [echo()],
    _ change: (inout ServerSettings) -> Void,
    reach: (RPCServer, Int, Int) async throws -> Void
  ) async throws {
    for excess in [0, 1] {
      try await expectCount(bound, excess, of: services, change) { try await reach($0, $1, excess) }
    }
  }

  private func expectCount(
    _ bound: ServerBound, _ excess: Int, of services: [ServiceBinding] = [echo()],
    _ change: (inout ServerSettings) -> Void, reach: (RPCServer, Int) async throws -> Void
  ) async throws {
    var settings = ServerSettings.patient
    change(&settings)
    let server = RPCServer(services: services, settings: settings)
    let port = try await server.start(port: 0)
    try await reach(server, port)
    #expect(
      await eventually(within: excess == 1 ? .seconds(20) : .zero) {
        count(server, bound) == Double(excess)
      }, "\(bound), \(excess) above")
    await server.shutdownGracefully(grace: .zero)
  }

  private func message(_ count: Int) -> [UInt8] {
    // A field that nobody knows, so that any length from two on is a message.
    let body: [UInt8] =
      count < 2 ? [] : [0x7a, UInt8(count - 2)] + [UInt8](repeating: 0, count: count - 2)
    return [0] + RawPeer.big(UInt32(body.count)) + body
  }

  @Test("connections, from all and from one address")
  func connections() async throws {
    for bound in [ServerBound.connections, .connectionsPerAddress] {
      try await expectEdge(bound) {
        if bound == .connections { $0.connectionsMax = 2 } else { $0.connectionsPerAddressMax = 2 }
      } reach: { server, port, excess in
        var peers: [RawPeer] = []
        for _ in 0..<(2 + excess) { peers.append(try await RawPeer.connect(port: port)) }
        #expect(await eventually { server.connectionCount == 2 })
        #expect(await eventually { peers.filter(\.isClosed).count == excess })
        for peer in peers { peer.close() }
      }
    }
  }

  @Test("bytes of a request and of an answer")
  func messages() async throws {
    try await expectEdge(.requestBytes) {
      $0.requestBytesMax = 100
    } reach: { _, port, excess in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1)
          + RawPeer.data(stream: 1, message(100 + excess), end: true))
      #expect(await eventually { peer.ended(stream: 1) })
      #expect(peer.body(stream: 1).isEmpty == (excess == 1))
      peer.close()
    }
    // Anybody may speak to those that every server has: they take less.
    try await expectEdge(.requestBytes) {
      $0.builtInRequestBytesMax = 100
    } reach: { _, port, excess in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1, path: HealthMethods.check.path)
          + RawPeer.data(stream: 1, message(100 + excess), end: true))
      #expect(await eventually { peer.ended(stream: 1) })
      peer.close()
    }
    for excess in [0, 1] {
      var settings = ServerSettings()
      let answer = EchoResponse(payload: [UInt8](repeating: 1, count: 50))
      settings.responseBytesMax = answer.serialized().count - excess
      try await withServer([echo { _, _ in answer }], settings: settings) { server, channel, _ in
        let error = await refusal { try await EchoClient(channel).unary(EchoRequest()) }
        #expect(error?.code == (excess == 1 ? .resourceExhausted : nil))
        #expect(count(server, .responseBytes) == Double(excess))
      }
    }
  }

  // MARK: What a session keeps

  /// A peer that has sent all of it, and whose server has read all of it or closed.
  private func send(_ bytes: [UInt8], port: Int, after first: [UInt8] = []) async throws {
    let peer = try await RawPeer.connect(port: port)
    // The answer to the server's SETTINGS: from then on it holds the peer to them.
    peer.send(RawPeer.opening + first)
    #expect(await eventually { peer.heard(frame: 4) })
    peer.send(RawPeer.frame(4, flags: 1, stream: 0) + bytes)
    let last = [UInt8](repeating: 9, count: 8)
    peer.send(RawPeer.frame(6, stream: 0, last))
    #expect(
      await eventually {
        peer.isClosed || peer.frames.contains { $0.type == 6 && $0.payload == last }
      })
    peer.close()
  }

  private func expectFlood(
    _ bound: ServerBound, _ change: (inout ServerSettings) -> Void,
    _ frame: (UInt32) -> [UInt8]
  ) async throws {
    try await expectEdge(bound, change) { _, port, excess in
      let bytes = (0..<(3 + excess)).flatMap { frame(UInt32($0) * 2 + 3) }
      try await send(bytes, port: port, after: RawPeer.request(stream: 1))
    }
  }

  @Test("frames of which there may be so many")
  func floods() async throws {
    let few = Frequency(burst: 3, perSecond: 0)
    // The one that tells that all was read is a ping as well.
    try await expectFlood(.pings) {
      $0.pings = Frequency(burst: 4, perSecond: 0)
    } _: { _ in
      RawPeer.frame(6, stream: 0, [UInt8](repeating: 1, count: 8))
    }
    // The opening's is one of them.
    try await expectFlood(.settingsFrames) {
      $0.settingsFrames = Frequency(burst: 4, perSecond: 0)
    } _: { _ in
      RawPeer.frame(4, stream: 0)
    }
    try await expectFlood(.priorities, { $0.priorities = few }) { _ in
      RawPeer.frame(2, stream: 1, [0, 0, 0, 0, 1])
    }
    try await expectFlood(.emptyData, { $0.emptyData = few }) { _ in
      RawPeer.data(stream: 1, [], end: false)
    }
    try await expectFlood(.cheapFrames, { $0.cheapFrames = few }) { _ in
      RawPeer.frame(8, stream: 0, RawPeer.big(1))
    }
    try await expectFlood(.resetsReceived, { $0.resetsReceived = few }) { stream in
      RawPeer.request(stream: stream) + RawPeer.frame(3, stream: stream, RawPeer.big(8))
    }
    try await expectFlood(.resetsSent, { $0.resetsSent = few }) { stream in
      RawPeer.request(stream: stream) + RawPeer.frame(8, stream: stream, RawPeer.big(0x7fff_ffff))
    }
    // With the one that is open before.
    try await expectFlood(.streams, { $0.streamsMax = 4 }) { RawPeer.request(stream: $0) }
  }

  @Test("answers to frames that wait to be sent")
  func outboundFrames() async throws {
    try await expectEdge(.outboundFrames) {
      $0.outboundFramesMax = 6
    } reach: { _, port, excess in
      let ping = RawPeer.frame(6, stream: 0, [UInt8](repeating: 1, count: 8))
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening)
      // Nothing else waits once the answer to the opening was sent.
      #expect(await eventually { peer.frames.contains { $0.type == 4 && $0.flags == 1 } })
      peer.send((0..<(6 + excess)).flatMap { _ in ping })
      #expect(
        await eventually {
          peer.isClosed || peer.frames.filter { $0.type == 6 && $0.flags == 1 }.count == 6
        })
      peer.close()
    }
  }

  @Test("headers: all, one, their number, and the frames of a block")
  func headers() async throws {
    let more = [("x-a", String(repeating: "a", count: 40)), ("x-b", "b"), ("x-bin", "YQ,,YQ")]
    let fields =
      [
        (":method", "POST"), (":scheme", "http"), (":path", "/bench.v1.Echo/Unary"),
        (":authority", "x"), ("content-type", "application/grpc"),
      ] + more
    let bytes = fields.map { $0.0.utf8.count + $0.1.utf8.count }
    let cases: [(ServerBound, (inout ServerSettings, Int) -> Void)] = [
      // The last one is three.
      (.headerFields, { $0.headerFieldsMax = fields.count + 2 - $1 }),
      (.headerFieldBytes, { $0.headerFieldBytesMax = (bytes.max() ?? 0) - $1 }),
      (.headerListBytes, { $0.headerListBytesMax = bytes.reduce(32 * bytes.count, +) - $1 }),
    ]
    for (bound, change) in cases {
      for excess in [0, 1] {
        try await expectCount(bound, excess) {
          change(&$0, excess)
        } reach: {
          try await send(RawPeer.request(stream: 1, more), port: $1)
        }
      }
    }
    try await expectEdge(.continuations, { $0.continuationsMax = 3 }) { _, port, excess in
      let field: [UInt8] = [0, 1, 0x78, 1, 0x61]
      // HEADERS without its END_HEADERS.
      var block = RawPeer.request(stream: 1)
      block[4] = 0
      for index in 0..<(3 + excess) {
        block += RawPeer.frame(9, flags: index == 2 + excess ? 4 : 0, stream: 1, field)
      }
      try await send(block, port: port)
    }
  }

  @Test("bytes of a frame, and beyond a window")
  func sizes() async throws {
    try await expectEdge(.frameBytes, { _ in }) { _, port, excess in
      // The beginning of a message, and not its end.
      let part = [0] + RawPeer.big(100_000) + [UInt8](repeating: 0, count: 16_384 - 5 + excess)
      try await send(
        RawPeer.request(stream: 1) + RawPeer.data(stream: 1, part, end: false), port: port)
    }
    let gate = Gate()
    let service = ServiceBinding(
      EchoMethods.service, [.stream(EchoMethods.unary) { _, _, _ in try await gate.pass() }])
    try await expectEdge(.windows, of: [service], { $0.streamWindow = 20_000 }) { _, port, excess in
      // A whole message of more than half a window that nobody takes: no more room is given.
      let whole = [0] + RawPeer.big(9_995) + [UInt8](repeating: 0, count: 9_995)
      let part = [0] + RawPeer.big(100_000) + [UInt8](repeating: 0, count: 9_995 + excess)
      try await send(
        RawPeer.request(stream: 1) + RawPeer.data(stream: 1, whole, end: false)
          + RawPeer.data(stream: 1, part, end: false), port: port)
    }
  }
}
