import BenchAPI
import Testing

@testable import GRPC

/// What a server does with peers that keep it waiting, and with what piles up for them. Each bound
/// counts the peer that reaches it, and nobody else.
@Suite struct PatienceTests {
  private static let brief = Duration.seconds(1)

  private let empty: [UInt8] = [0, 0, 0, 0, 0]
  /// An EchoRequest with a payload of twenty bytes.
  private let twenty: [UInt8] =
    [0] + RawPeer.big(22) + [0x0a, 20] + [UInt8](repeating: 1, count: 20)
  /// The opening of a peer that takes no byte of an answer.
  private let closedWindow: [UInt8] =
    Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    + RawPeer.frame(4, stream: 0, [0, 4, 0, 0, 0, 0])

  @Test("a peer that never says that it speaks HTTP/2 is closed")
  func preface() async throws {
    var settings = ServerSettings()
    // The test itself may be kept waiting between connecting and speaking.
    settings.prefaceTimeout = .seconds(6)
    try await withServer([echo()], settings: settings) { server, _, port in
      let prompt = try await RawPeer.connect(port: port)
      prompt.send(RawPeer.opening)
      let silent = try await RawPeer.connect(port: port)
      #expect(await eventually { silent.isClosed })
      #expect(count(server, .prefaceTime) == 1 && !prompt.isClosed)
      prompt.close()
    }
  }

  @Test("a peer that never shakes hands is closed")
  func handshake() async throws {
    try await TestAuthority.with { folder in
      var settings = ServerSettings()
      settings.handshakeTimeout = Self.brief
      let server = RPCServer(
        services: [echo()], settings: settings,
        tls: TestAuthority.settings("identity", in: folder))
      let port = try await server.start(port: 0)
      let silent = try await RawPeer.connect(port: port)
      #expect(await eventually { silent.isClosed })
      #expect(count(server, .handshakeTime) == 1)
      await server.shutdownGracefully(grace: .zero)
    }
  }

  @Test("headers that begin and do not end close the connection")
  func headers() async throws {
    var settings = ServerSettings.patient
    settings.headerTimeout = Self.brief
    try await withServer([echo()], settings: settings) { server, _, port in
      let whole = try await RawPeer.connect(port: port)
      whole.send(
        RawPeer.opening + RawPeer.request(stream: 1) + RawPeer.data(stream: 1, empty, end: true))
      let half = try await RawPeer.connect(port: port)
      half.send(RawPeer.opening + RawPeer.frame(1, flags: 0, stream: 1, [0x83]))
      #expect(await eventually { half.isClosed })
      #expect(await eventually { whole.ended(stream: 1) })
      #expect(count(server, .headerTime) == 1 && !whole.isClosed)
      whole.close()
    }
  }

  @Test("a request that does not go on is reset")
  func body() async throws {
    var settings = ServerSettings.patient
    settings.bodyIdleTimeout = Self.brief
    try await withServer([echo()], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1)
          + RawPeer.request(stream: 3) + RawPeer.data(stream: 3, empty, end: true))
      #expect(await eventually { peer.heard(frame: 3, stream: 1) })
      #expect(await eventually { peer.ended(stream: 3) })
      #expect(count(server, .bodyIdleTime) == 1 && !peer.isClosed)
      peer.close()
    }
  }

  @Test("an answer that its caller does not take is reset")
  func answer() async throws {
    var settings = ServerSettings.patient
    settings.writeIdleTimeout = Self.brief
    try await withServer([echo()], settings: settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        closedWindow + RawPeer.request(stream: 1) + RawPeer.data(stream: 1, twenty, end: true))
      #expect(await eventually { peer.heard(frame: 3, stream: 1) })
      _ = try await EchoClient(channel).unary(EchoRequest())
      #expect(count(server, .writeIdleTime) == 1 && !peer.isClosed)
      peer.close()
    }
  }

  @Test("the last answers of a stream are waited for like those before them")
  func lastAnswers() async throws {
    var service = StreamEcho()
    service.server = { _, answers, _ in
      for number: Int32 in 1...3 { try await answers.write(EchoResponse(n: number)) }
    }
    var settings = ServerSettings.patient
    settings.writeIdleTimeout = Self.brief
    try await withServer([.echo(service)], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        closedWindow + RawPeer.request(stream: 1, path: EchoMethods.serverStream.path)
          + RawPeer.data(stream: 1, empty, end: true))
      #expect(await eventually { peer.heard(frame: 1, stream: 1) && server.callsInFlight == 0 })
      // A call of one answer that begins later is given up.
      peer.send(RawPeer.request(stream: 3) + RawPeer.data(stream: 3, twenty, end: true))
      #expect(await eventually { peer.heard(frame: 3, stream: 3) })
      #expect(!peer.heard(frame: 3, stream: 1))
      peer.send(RawPeer.frame(4, stream: 0, [0, 4, 0, 0, 0xff, 0xff]))
      #expect(await eventually { peer.ended(stream: 1) })
      #expect(peer.body(stream: 1).count == 3 * 7)
      peer.close()
    }
  }

  @Test(
    "what waits to be sent on a connection refuses further calls on it", arguments: [3, 1_000])
  func outbound(limit: Int) async throws {
    var settings = ServerSettings.patient
    settings.outboundBytesMax = limit
    try await withServer([echo()], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        closedWindow + RawPeer.request(stream: 1) + RawPeer.data(stream: 1, twenty, end: true))
      #expect(await eventually { peer.heard(frame: 1, stream: 1) })
      peer.send(RawPeer.request(stream: 3) + RawPeer.data(stream: 3, twenty, end: true))
      #expect(await eventually { peer.heard(frame: 1, stream: 3) })
      #expect(peer.ended(stream: 3) == (limit == 3))
      #expect(count(server, .outboundBytes) == (limit == 3 ? 1 : 0))
      peer.close()
    }
  }

  @Test("handlers that go on for callers who left count as calls of their connection")
  func abandoned() async throws {
    var settings = ServerSettings.patient
    settings.streamsMax = 2
    let holds = [OneShot<Void>(), OneShot<Void>()]
    // Deaf to being cancelled, as a handler at a C library is.
    let service = echo { request, _ in
      try await holds[Int(request.n)].take()
      return EchoResponse()
    }
    func call(_ stream: UInt32, n: UInt8) -> [UInt8] {
      RawPeer.request(stream: stream)
        + RawPeer.data(stream: stream, [0, 0, 0, 0, 2, 0x10, n], end: true)
    }
    try await withServer([service], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening + call(1, n: 0) + call(3, n: 1))
      #expect(await eventually { server.callsInFlight == 2 })
      for stream in [1, 3] as [UInt32] {
        peer.send(RawPeer.frame(3, stream: stream, RawPeer.big(8)))
      }
      peer.send(call(5, n: 1))
      #expect(await eventually { peer.ended(stream: 5) })
      #expect(count(server, .handlersPerConnection) == 1 && server.callsInFlight == 2)
      for hold in holds { hold.give(.success(())) }
      #expect(await eventually { server.callsInFlight == 0 })
      peer.close()
    }
  }
}
