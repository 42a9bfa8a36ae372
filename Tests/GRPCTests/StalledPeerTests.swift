import BenchAPI
import CommonAPI
import Synchronization
import TestKit
import Testing

@testable import GRPC

/// Peers that take nothing of their answers, or leave their requests half sent: what they cost is
/// bounded, and others do not pay for it.
@Suite struct StalledPeerTests {
  private let empty: [UInt8] = [0, 0, 0, 0, 0]
  /// The opening of a peer that takes no byte of an answer…
  private let closedWindow: [UInt8] =
    Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    + RawPeer.frame(4, stream: 0, [0, 4, 0, 0, 0, 0])
  /// …and what it says to take all.
  private let openWindow: [UInt8] =
    RawPeer.frame(4, stream: 0, [0, 4, 0, 0x10, 0, 0])
    + RawPeer.frame(8, stream: 0, RawPeer.big(16 << 20))

  private static let streams = (0..<20 as Range<UInt32>).map { 2 * $0 + 1 }

  private static var patient: ServerSettings {
    var settings = ServerSettings.patient
    settings.defaultDeadline = .seconds(30)
    return settings
  }

  @Test("of many requests sent at once those begin whose answers have room, and the others later")
  func parked() async throws {
    var settings = Self.patient
    settings.outboundBytesMax = 5_000
    let begun = Atomic(0)
    let service = echo { _, _ in
      begun.wrappingAdd(1, ordering: .relaxed)
      return EchoResponse(payload: [UInt8](repeating: 1, count: 1_000))
    }
    try await withServer([service], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      // All are announced before any of them can be answered.
      peer.send(closedWindow + Self.streams.flatMap { RawPeer.request(stream: $0) })
      peer.send(Self.streams.flatMap { RawPeer.data(stream: $0, empty, end: true) })
      #expect(await eventually { peer.heard(frame: 1, stream: 1) })
      #expect((5...6).contains(begun.load(ordering: .relaxed)))
      // Health has its answer all the same.
      peer.send(
        RawPeer.request(stream: 101, path: HealthMethods.check.path)
          + RawPeer.data(stream: 101, empty, end: true))
      #expect(await eventually { peer.heard(frame: 1, stream: 101) })
      #expect(!peer.ended(stream: 101))
      peer.send(openWindow)
      #expect(await eventually { Self.streams.allSatisfy { peer.ended(stream: $0) } })
      #expect(Self.streams.allSatisfy { peer.body(stream: $0).count > 1_000 })
      #expect(count(server, .outboundBytes) == 0)
      peer.close()
    }
  }

  @Test("streams to one peer write together no more than waits for a peer")
  func streams() async throws {
    var settings = Self.patient
    settings.outboundBytesMax = 50_000
    let begun = Atomic(0)
    let written = Atomic(0)
    var service = StreamEcho()
    service.server = { _, answers, _ in
      begun.wrappingAdd(1, ordering: .relaxed)
      try await answers.write(EchoResponse(payload: [UInt8](repeating: 1, count: 10_000)))
      written.wrappingAdd(1, ordering: .relaxed)
    }
    try await withServer([.echo(service)], settings: settings) { _, _, port in
      let peer = try await RawPeer.connect(port: port)
      let path = EchoMethods.serverStream.path
      peer.send(closedWindow + Self.streams.flatMap { RawPeer.request(stream: $0, path: path) })
      peer.send(Self.streams.flatMap { RawPeer.data(stream: $0, empty, end: true) })
      #expect(await eventually { begun.load(ordering: .relaxed) == Self.streams.count })
      #expect((5...6).contains(written.load(ordering: .relaxed)))
      peer.send(openWindow)
      #expect(await eventually { Self.streams.allSatisfy { peer.ended(stream: $0) } })
      #expect(written.load(ordering: .relaxed) == Self.streams.count)
      peer.close()
    }
  }

  @Test("a stream of which nothing is taken ends, and gives its place back")
  func stalledWriter() async throws {
    var settings = ServerSettings.patient
    settings.streamIdleTimeout = .seconds(1)
    var service = StreamEcho()
    service.server = { _, answers, _ in
      while true { try await answers.write(EchoResponse(n: 1)) }
    }
    try await withServer([.echo(service)], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        closedWindow + RawPeer.request(stream: 1, path: EchoMethods.serverStream.path)
          + RawPeer.data(stream: 1, empty, end: true))
      #expect(await eventually { peer.heard(frame: 3, stream: 1) })
      #expect(await eventually { server.callsInFlight == 0 })
      #expect(count(server, .streamIdleTime) == 1)
      peer.close()
    }
  }

  @Test("a stream of which little is taken at a time goes on, however much waits at any time")
  func steadyReader() async throws {
    var settings = ServerSettings.patient
    settings.streamIdleTimeout = .seconds(2).patient
    var service = StreamEcho()
    service.server = { _, answers, _ in
      let payload = [UInt8](repeating: 1, count: 16_000)
      while true { try await answers.write(EchoResponse(payload: payload)) }
    }
    try await withServer([.echo(service)], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        closedWindow + RawPeer.frame(8, stream: 0, RawPeer.big(16 << 20))
          + RawPeer.request(stream: 1, path: EchoMethods.serverStream.path)
          + RawPeer.data(stream: 1, empty, end: true))
      #expect(await eventually { peer.heard(frame: 1, stream: 1) })
      // One message at a time, so that as much waits as before: for longer than twice the time.
      let end = ContinuousClock.now + .seconds(5).patient
      var taken = 0
      while .now < end, !peer.heard(frame: 3, stream: 1) {
        peer.send(RawPeer.frame(8, stream: 1, RawPeer.big(16_008)))
        taken += 16_008
        #expect(await eventually { peer.body(stream: 1).count == taken })
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(!peer.heard(frame: 3, stream: 1))
      #expect(count(server, .streamIdleTime) == 0)
      peer.close()
    }
  }

  @Test("a connection that holds all it may leaves room for another's request")
  func share() async throws {
    var settings = Self.patient
    settings.heldBytesMax = 400_000
    try await withServer([echo()], settings: settings) { server, _, port in
      let greedy = try await RawPeer.connect(port: port)
      let begun = [0] + RawPeer.big(100_000) + [UInt8](repeating: 0, count: 16_000)
      greedy.send(RawPeer.opening)
      for stream in Self.streams {
        greedy.send(
          RawPeer.request(stream: stream) + RawPeer.data(stream: stream, begun, end: false))
      }
      #expect(await eventually { Self.streams.count { greedy.ended(stream: $0) } == 8 })
      #expect(count(server, .heldBytes) == 8)
      let modest = try await RawPeer.connect(port: port)
      let message: [UInt8] =
        [0] + RawPeer.big(4_003) + [0x0a, 0xa0, 0x1f] + [UInt8](repeating: 1, count: 4_000)
      modest.send(
        RawPeer.opening + RawPeer.request(stream: 1)
          + RawPeer.data(stream: 1, Array(message.prefix(2_000)), end: false))
      modest.send(RawPeer.data(stream: 1, Array(message.dropFirst(2_000)), end: true))
      #expect(await eventually { modest.ended(stream: 1) })
      #expect(modest.body(stream: 1).count > 4_000)
      greedy.close()
      modest.close()
    }
  }

  @Test("bytes now and then do not make a message's time longer")
  func dripping() async throws {
    var settings = ServerSettings.patient
    settings.firstMessageTimeout = .seconds(1)
    try await withServer([.echo(StreamEcho())], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1, path: EchoMethods.clientStream.path)
          + RawPeer.data(stream: 1, [0] + RawPeer.big(100_000), end: false))
      #expect(
        await eventually {
          peer.send(RawPeer.data(stream: 1, [0], end: false))
          return peer.ended(stream: 1)
        })
      #expect(count(server, .streamIdleTime) == 1)
      peer.close()
    }
  }

  @Test("a connection has few streams of reflection, and none of which nothing is taken")
  func reflection() async throws {
    var settings = ServerSettings.patient
    settings.watchesPerConnectionMax = 2
    settings.writeIdleTimeout = .seconds(1)
    try await withServer([echo()], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      let path = ServerReflectionMethods.serverReflectionInfo.path
      // list_services, until the handler waits for room.
      let ask = [0] + RawPeer.big(3) + [0x3a, 1, 0x2a]
      peer.send(closedWindow + RawPeer.request(stream: 1, path: path))
      peer.send(RawPeer.request(stream: 3, path: path) + RawPeer.request(stream: 5, path: path))
      #expect(await eventually { peer.ended(stream: 5) })
      #expect(count(server, .watches) == 1)
      for _ in 0..<2_000 { peer.send(RawPeer.data(stream: 1, ask, end: false)) }
      #expect(await eventually { peer.heard(frame: 3, stream: 1) })
      peer.close()
    }
  }
}
