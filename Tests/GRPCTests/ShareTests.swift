import BenchAPI
import Testing

@testable import GRPC

/// What callers may hold for long, and what those keep who want only an answer.
@Suite struct ShareTests {
  private static let both = EchoMethods.bothStream.path
  private let empty: [UInt8] = [0, 0, 0, 0, 0]
  private static let brief = Duration.milliseconds(100)

  @Test("streams hold no more than their share of the places; calls of one answer have the rest")
  func share() async throws {
    var settings = ServerSettings.patient
    settings.inFlightMax = 4
    settings.admission.queueMax = 0
    try await withServer([.echo(StreamEcho())], settings: settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening)
      for stream in stride(from: 1, to: 13, by: 2) as StrideTo<UInt32> {
        peer.send(RawPeer.request(stream: stream, path: Self.both))
      }
      #expect(await eventually { peer.ended(stream: 11) })
      #expect(server.callsInFlight == 2)
      #expect(count(server, .streamsInFlight) == 4)
      #expect(try await EchoClient(channel).unary(EchoRequest(n: 7)).n == 7)
      // Whoever ends makes room.
      peer.send(RawPeer.data(stream: 1, [], end: true))
      #expect(await eventually { peer.ended(stream: 1) })
      peer.send(
        RawPeer.request(stream: 13, path: Self.both) + RawPeer.data(stream: 13, empty, end: true))
      #expect(await eventually { !peer.body(stream: 13).isEmpty })
      peer.close()
      #expect(await eventually { server.callsInFlight == 0 })
    }
  }

  @Test("a stream whose caller never begins ends soon; a quiet follower goes on")
  func firstMessage() async throws {
    let gate = Gate()
    var service = StreamEcho()
    service.server = { _, _, _ in try await gate.pass() }
    var settings = ServerSettings.patient
    settings.firstMessageTimeout = Self.brief
    settings.streamIdleTimeout = Self.brief
    try await withServer([.echo(service)], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening
          + RawPeer.request(stream: 1, path: EchoMethods.serverStream.path)
          + RawPeer.data(stream: 1, empty, end: true))
      #expect(await eventually { gate.arrived == 1 })
      peer.send(RawPeer.request(stream: 3, path: Self.both))
      #expect(await eventually { peer.ended(stream: 3) })
      #expect(!peer.ended(stream: 1) && count(server, .streamIdleTime) == 1)
      peer.close()
    }
  }

  @Test("no stream lasts longer than streams may; one that named less ends by itself")
  func longest() async throws {
    var service = StreamEcho()
    service.server = { _, _, _ in try await Gate().pass() }
    var settings = ServerSettings.patient
    settings.longestStream = Self.brief
    try await withServer([.echo(service)], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening)
      for (stream, named) in [
        (1, [("grpc-timeout", "20m")]), (3, []), (5, [("grpc-timeout", "9H")]),
      ]
        as [(UInt32, [(String, String)])]
      {
        peer.send(
          RawPeer.request(stream: stream, path: EchoMethods.serverStream.path, named)
            + RawPeer.data(stream: stream, empty, end: true))
        #expect(await eventually { peer.ended(stream: stream) })
        #expect(count(server, .streamTime) == Double(stream / 2))
      }
      peer.close()
    }
  }

  @Test("a stream without a message either way ends, unless its handler is the one that thinks")
  func idle() async throws {
    let gate = Gate()
    var service = StreamEcho()
    service.both = { requests, answers, _ in
      for try await request in requests {
        if request.n == 1 { try await gate.pass() }
        try await answers.write(EchoResponse(n: request.n))
      }
    }
    var settings = ServerSettings.patient
    settings.streamIdleTimeout = Self.brief
    try await withServer([.echo(service)], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1, path: Self.both)
          + RawPeer.data(stream: 1, [0, 0, 0, 0, 2, 0x10, 1], end: false))
      #expect(await eventually { gate.arrived == 1 })
      peer.send(
        RawPeer.request(stream: 3, path: Self.both) + RawPeer.data(stream: 3, empty, end: false))
      #expect(await eventually { peer.ended(stream: 3) })
      #expect(peer.body(stream: 3) == empty)
      #expect(!peer.ended(stream: 1) && count(server, .streamIdleTime) == 1)
      gate.open()
      #expect(await eventually { peer.ended(stream: 1) })
      #expect(!peer.body(stream: 1).isEmpty)
      peer.close()
    }
  }

  @Test("a caller of reflection has longer than a call of one answer")
  func reflection() async throws {
    let gate = Gate()
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    var settings = ServerSettings.patient
    settings.defaultDeadline = Self.brief
    try await withServer([service], settings: settings) { _, _, port in
      let peer = try await RawPeer.connect(port: port)
      let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1, path: reflection)
          + RawPeer.request(stream: 3) + RawPeer.data(stream: 3, empty, end: true))
      #expect(await eventually { peer.ended(stream: 3) })
      #expect(!peer.ended(stream: 1))
      peer.close()
    }
  }

  @Test("who gives up many calls is asked to open no more, and the others are finished")
  func canceller() async throws {
    let gate = Gate()
    let service = echo { request, _ in
      if request.n == 1 { try await gate.pass() }
      return EchoResponse(n: 5)
    }
    var settings = ServerSettings.patient
    settings.resetsReceived = Frequency(burst: 20, perSecond: 0)
    try await withServer([service], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1)
          + RawPeer.data(stream: 1, [0, 0, 0, 0, 2, 0x10, 1], end: true))
      #expect(await eventually { gate.arrived == 1 })
      for stream in stride(from: 3, to: 63, by: 2) as StrideTo<UInt32> {
        peer.send(
          RawPeer.request(stream: stream) + RawPeer.frame(3, stream: stream, RawPeer.big(8)))
      }
      #expect(await eventually { peer.heard(frame: 7) })
      let farewell = try #require(peer.frames.first { $0.type == 7 })
      #expect(farewell.payload.dropFirst(4).prefix(4) == RawPeer.big(11)[...])
      #expect(count(server, .resetsReceived) == 1 && !peer.isClosed)
      gate.open()
      #expect(await eventually { peer.ended(stream: 1) && !peer.body(stream: 1).isEmpty })
      #expect(await eventually { peer.isClosed })
    }
  }

  @Test("peers that have shown a certificate may give up more calls")
  func named() {
    let usual = RPCServer(services: []).core
    var settings = ServerSettings()
    settings.resetsReceived = Frequency(burst: 1_000, perSecond: 200)
    let patient = RPCServer(services: [], settings: settings).core
    #expect(usual.sessionSettings(namesPeers: true) == patient.sessionSettings(namesPeers: false))
    #expect(usual.sessionSettings(namesPeers: true) != usual.sessionSettings(namesPeers: false))
  }

  @Test("a connection whose peer takes its answers slowly is given further ones")
  func slowReader() async throws {
    var settings = ServerSettings.patient
    settings.outboundBytesMax = 20
    try await withServer([echo()], settings: settings) { server, _, port in
      let twenty: [UInt8] = [0, 0, 0, 0, 22, 0x0a, 20] + [UInt8](repeating: 7, count: 20)
      let peer = try await RawPeer.connect(port: port)
      // A window of no bytes: of an answer only what is asked for then is taken.
      peer.send(
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
          + RawPeer.frame(4, stream: 0, [0, 4, 0, 0, 0, 0]))
      peer.send(RawPeer.request(stream: 1) + RawPeer.data(stream: 1, twenty, end: true))
      #expect(await eventually { peer.heard(frame: 1, stream: 1) })
      peer.send(RawPeer.frame(8, stream: 1, [0, 0, 0, 5]))
      #expect(await eventually { peer.heard(frame: 0, stream: 1) })
      peer.send(RawPeer.request(stream: 3) + RawPeer.data(stream: 3, twenty, end: true))
      #expect(await eventually { peer.heard(frame: 1, stream: 3) })
      #expect(!peer.ended(stream: 3) && count(server, .outboundBytes) == 0)
      // Once it has taken nothing for a while, it is given no more.
      var stream: UInt32 = 3
      #expect(
        await eventually {
          stream += 2
          peer.send(RawPeer.request(stream: stream, end: true))
          let sent = stream
          _ = await eventually { peer.ended(stream: sent) }
          return count(server, .outboundBytes) > 0
        })
      peer.close()
    }
  }
}
