import BenchAPI
import Glibc
import TestKit
import Testing

@testable import GRPC

/// How connections are kept, and how they end without losing a call.
@Suite struct ConnectionLifeTests {
  @Test("a quiet peer is pinged, and closed when it does not answer")
  func keepalive() async throws {
    var settings = ServerSettings()
    settings.keepaliveAfter = .milliseconds(50)
    settings.keepaliveTimeout = .seconds(2).patient
    try await withServer([echo()], settings: settings) { server, channel, port in
      _ = try await EchoClient(channel).unary(EchoRequest())
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening)
      #expect(await eventually { peer.heard(frame: 6) })
      #expect(await eventually { peer.isClosed })
      #expect(count(server, .keepaliveTime) == 1)
      // The channel answers its pings, and keeps its connection.
      _ = try await EchoClient(channel).unary(EchoRequest())
      #expect(server.connectionCount == 1)
    }
  }

  @Test("a connection is idle from the end of its last call, however long that was")
  func idle() async throws {
    let gate = Gate()
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    let patience = Duration.milliseconds(500)
    var settings = ServerSettings.patient
    settings.defaultDeadline = .seconds(20).patient
    settings.longestDeadline = settings.defaultDeadline
    settings.connectionIdleTimeout = patience
    // So that somebody looks at the connection at least as often.
    settings.streamIdleTimeout = patience
    let server = RPCServer(services: [service], settings: settings)
    let port = try await server.start(port: 0)
    let peer = try await RawPeer.connect(port: port)
    peer.send(
      RawPeer.opening + RawPeer.request(stream: 1)
        + RawPeer.data(stream: 1, [0, 0, 0, 0, 0], end: true))
    #expect(await eventually { gate.arrived == 1 })
    // Beyond one look at it and half-way to the next, which comes too soon for a call just ended.
    let middle = ContinuousClock.now + patience * 3 / 2
    #expect(await eventually { ContinuousClock.now > middle })
    #expect(farewells(peer).isEmpty)
    let ended = ContinuousClock.now
    gate.open()
    #expect(await eventually { !farewells(peer).isEmpty })
    #expect(ContinuousClock.now - ended >= patience)
    #expect(peer.ended(stream: 1))
    peer.close()
    await server.shutdownGracefully(grace: .zero)
  }

  @Test("a connection of age is drained, its calls are finished, and the next call finds another")
  func age() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.connectionAgeMax = .milliseconds(100)
    let service = echo { request, _ in
      try await gate.pass()
      return EchoResponse(n: request.n)
    }
    try await withServer([service], settings: settings) { server, channel, _ in
      let first = Task { try await EchoClient(channel).unary(EchoRequest(n: 1)) }
      #expect(await eventually { gate.arrived == 1 })
      #expect(await eventually { count(server, .connectionAge) >= 1 })
      let second = Task { try await EchoClient(channel).unary(EchoRequest(n: 2)) }
      #expect(await eventually { gate.arrived == 2 })
      gate.open()
      let answers = try await [first.value.n, second.value.n]
      #expect(answers == [1, 2])
    }
  }

  @Test("calls that outlive the age of their connection are cut off after the grace")
  func ageGrace() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.connectionAgeMax = .milliseconds(20)
    settings.connectionAgeGrace = .milliseconds(20)
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withServer([service], settings: settings) { server, channel, _ in
      let error = await refusal { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(error?.code == .unavailable)
      #expect(await eventually { gate.cancelled == 1 })
    }
  }

  /// The stream that each GOAWAY frame named as the last.
  private func farewells(_ peer: RawPeer) -> [UInt32] {
    peer.frames.filter { $0.type == 7 }.map { frame in
      frame.payload.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  @Test("the second notice of a drain waits for the answer to a ping, and names the last call")
  func drainInTwoSteps() async throws {
    let gate = Gate()
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    var settings = ServerSettings.patient
    settings.drainNotice = .seconds(20)
    let server = RPCServer(services: [service], settings: settings)
    let port = try await server.start(port: 0)
    let peer = try await RawPeer.connect(port: port)
    let empty: [UInt8] = [0, 0, 0, 0, 0]
    peer.send(
      RawPeer.opening + RawPeer.request(stream: 1) + RawPeer.data(stream: 1, empty, end: true))
    #expect(await eventually { gate.arrived == 1 })
    let stop = Task { await server.shutdownGracefully() }
    #expect(await eventually { peer.heard(frame: 6) })
    let ping = try #require(peer.frames.first { $0.type == 6 })
    // What was on its way when the first notice came is taken.
    peer.send(RawPeer.request(stream: 3) + RawPeer.data(stream: 3, empty, end: true))
    peer.send(RawPeer.frame(6, flags: 1, stream: 0, ping.payload))
    #expect(await eventually { farewells(peer).count == 2 })
    #expect(farewells(peer) == [0x7fff_ffff, 3])
    #expect(await eventually { gate.arrived == 2 })
    gate.open()
    #expect(await eventually { peer.ended(stream: 1) && peer.ended(stream: 3) })
    await stop.value
    #expect(await eventually { peer.isClosed })
  }

  @Test("a peer that does not answer the ping of a drain hears the second notice all the same")
  func drainWithoutAnswer() async throws {
    let server = RPCServer(services: [echo()], settings: .patient)
    let port = try await server.start(port: 0)
    let peer = try await RawPeer.connect(port: port)
    peer.send(RawPeer.opening)
    #expect(await eventually { peer.heard(frame: 4) })
    await server.shutdownGracefully(grace: .seconds(5))
    #expect(await eventually { farewells(peer) == [0x7fff_ffff, 0] })
  }

  @Test("a socket handed over is answered on, and one that does not listen is not taken")
  func inherited() async throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(bound == 0)
    let server = RPCServer(services: [echo()], settings: .patient)
    let error = await refusal { try await server.start(inherited: descriptor) }
    #expect(error?.code == .invalidArgument)
    #expect(listen(descriptor, 16) == 0)
    // A second process would have its own copy; whoever comes between the two waits in the queue.
    let copy = dup(descriptor)
    let first = RPCServer(services: [echo()], settings: .patient)
    let port = try await first.start(inherited: descriptor)
    let channel = try ClientChannel(host: "127.0.0.1", port: port)
    #expect(try await EchoClient(channel).unary(EchoRequest(n: 1)).n == 1)
    await first.shutdownGracefully()
    let second = RPCServer(services: [echo()], settings: .patient)
    async let waiting = EchoClient(channel).unary(
      EchoRequest(n: 2), options: CallOptions(timeout: .seconds(20)))
    #expect(try await second.start(inherited: copy) == port)
    #expect(try await waiting.n == 2)
    await channel.close()
    await second.shutdownGracefully()
  }

  @Test("how long the loops take is told")
  func loopDelay() async throws {
    try await withServer([echo()]) { server, _, _ in
      #expect(await server.loopDelay() < .seconds(20))
    }
    #expect(await RPCServer(services: []).loopDelay() == .zero)
  }
}
