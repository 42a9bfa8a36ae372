import BenchAPI
import CommonAPI
import Glibc
import Protobuf
import Synchronization
import Testing

@testable import GRPC

/// What a server does with more calls than it can answer, and how its health is followed.
@Suite struct OverloadTests {
  private func gauge(_ server: RPCServer, _ name: String) -> Double {
    server.metrics.samples().first { $0.name == name }?.value ?? -1
  }

  private let empty: [UInt8] = [0, 0, 0, 0, 0]

  @Test("calls above the limit wait for a place without a handler, and are answered in their turn")
  func queue() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.inFlightMax = 2
    settings.admission.interval = .seconds(20)
    let service = echo { request, _ in
      try await gate.pass()
      return EchoResponse(n: request.n)
    }
    try await withServer([service], settings: settings) { server, channel, _ in
      let calls = (0..<10).map { n in
        Task { try await EchoClient(channel).unary(EchoRequest(n: Int32(n))).n }
      }
      #expect(await eventually { gauge(server, "grpc_server_queue") == 8 })
      #expect(gate.arrived == 2 && server.callsInFlight == 2)
      gate.open()
      for (n, call) in calls.enumerated() {
        let answer = try await call.value
        #expect(answer == Int32(n))
      }
      #expect(gate.mostInside <= 2)
      #expect(gauge(server, "grpc_server_queue") == 0)
    }
  }

  @Test("a full queue refuses at the head of a request, and says when to come again")
  func refused() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.inFlightMax = 1
    settings.admission.queueMax = 1
    settings.admission.interval = .seconds(20)
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withServer([service], settings: settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening)
      for stream in [1, 3] as [UInt32] {
        peer.send(
          RawPeer.request(stream: stream) + RawPeer.data(stream: stream, empty, end: true))
      }
      #expect(await eventually { gauge(server, "grpc_server_queue") == 1 })
      // The body of this one has not even begun.
      peer.send(RawPeer.request(stream: 5))
      #expect(await eventually { peer.ended(stream: 5) })
      #expect(count(server, .queue) == 1)
      let error = await refusal {
        try await channel.unary(
          path: EchoMethods.unary.path, request: [], options: CallOptions(timeout: .seconds(5)))
      }
      #expect(error?.code == .resourceExhausted && error?.reason == "OVERLOADED")
      let health = try await HealthClient(channel).check(HealthCheckRequest())
      #expect(health.status == .serving)
      gate.open()
      #expect(await eventually { peer.ended(stream: 1) && peer.ended(stream: 3) })
      peer.close()
    }
  }

  @Test("who waits too long for a place is refused, and a call given up gives its place up")
  func waits() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.inFlightMax = 1
    settings.admission.interval = .milliseconds(30)
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withServer([service], settings: settings) { server, channel, _ in
      let first = Task { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(await eventually { gate.arrived == 1 })
      let error = await refusal { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(error?.code == .resourceExhausted)
      #expect(count(server, .queueTime) == 1)
      gate.open()
      _ = try await first.value
      #expect(await eventually { server.callsInFlight == 0 })
      _ = try await EchoClient(channel).unary(EchoRequest())
    }
  }

  @Test("a busy loop looks at its sockets between handlers, not after all of them")
  func turns() async throws {
    let begun = Atomic(0)
    let isAnswered = Atomic(false)
    var settings = ServerSettings()
    settings.admission.interval = .zero
    settings.admission.loopTarget = .seconds(60)
    settings.defaultDeadline = .seconds(20)
    // Keeps the loop for longer than a turn, until somebody else was answered.
    let service = echo { _, _ in
      begun.wrappingAdd(1, ordering: .relaxed)
      let end = Deadline.after(.milliseconds(50))
      while !isAnswered.load(ordering: .relaxed), !end.hasPassed {}
      return EchoResponse()
    }
    try await withServer([service], settings: settings) { server, channel, port in
      // Connected already.
      _ = try await HealthClient(channel).check(HealthCheckRequest())
      let peer = try await RawPeer.connect(port: port)
      let streams = stride(from: 1, to: 201, by: 2).map { UInt32($0) }
      peer.send(
        RawPeer.opening
          + streams.flatMap {
            RawPeer.request(stream: $0) + RawPeer.data(stream: $0, empty, end: true)
          })
      #expect(await eventually { begun.load(ordering: .relaxed) > 0 })
      _ = try await HealthClient(channel).check(HealthCheckRequest())
      #expect(begun.load(ordering: .relaxed) < streams.count)
      isAnswered.store(true, ordering: .relaxed)
      #expect(await eventually { streams.allSatisfy { peer.ended(stream: $0) } })
      #expect(gauge(server, "grpc_server_queue") == 0 && server.callsInFlight == 0)
      peer.close()
    }
  }

  @Test("nothing is done for a caller who gave up before the request was even looked at")
  func givenUp() async throws {
    let gate = Gate()
    gate.open()
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withServer([service]) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      var script = RawPeer.opening
      for stream in stride(from: 1, to: 41, by: 2) as StrideTo<UInt32> {
        script += RawPeer.request(stream: stream) + RawPeer.data(stream: stream, empty, end: true)
        script += RawPeer.frame(3, stream: stream, RawPeer.big(8))
      }
      script += RawPeer.request(stream: 41, [("grpc-timeout", "0n")])
      script += RawPeer.data(stream: 41, empty, end: true)
      peer.send(script)
      #expect(await eventually { peer.ended(stream: 41) })
      #expect(gate.arrived == 0)
      _ = try await EchoClient(channel).unary(EchoRequest())
      #expect(gate.arrived == 1 && server.callsInFlight == 0)
      peer.close()
    }
  }

  @Test(
    "requests that never end hold bytes within a bound",
    arguments: [EchoMethods.unary.path, EchoMethods.clientStream.path])
  func heldBytes(path: String) async throws {
    var settings = ServerSettings()
    settings.heldBytesMax = 20_000
    try await withServer([.echo(StreamEcho())], settings: settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      let begun = [0] + RawPeer.big(100_000) + [UInt8](repeating: 0, count: 10_000)
      peer.send(RawPeer.opening)
      for stream in [1, 3] as [UInt32] {
        peer.send(
          RawPeer.request(stream: stream, path: path)
            + RawPeer.data(stream: stream, begun, end: false))
      }
      peer.send(
        RawPeer.request(stream: 5, path: path) + RawPeer.data(stream: 5, begun, end: false))
      #expect(await eventually { peer.ended(stream: 5) })
      #expect(count(server, .heldBytes) == 1)
      peer.close()
      #expect(await eventually { server.connectionCount == 0 })
      _ = try await EchoClient(channel).unary(EchoRequest())
    }
  }

  @Test("metadata of requests that never come is held within the same bound")
  func heldMetadata() async throws {
    var settings = ServerSettings()
    settings.heldBytesMax = 15_000
    try await withServer([.echo(StreamEcho())], settings: settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      let words = (0..<50).map { ("word-\($0)", String(repeating: "x", count: 126)) }
      peer.send(RawPeer.opening)
      for stream in [1, 3, 5] as [UInt32] {
        peer.send(RawPeer.request(stream: stream, words))
      }
      #expect(await eventually { peer.ended(stream: 3) && peer.ended(stream: 5) })
      #expect(!peer.ended(stream: 1))
      #expect(count(server, .heldBytes) == 2)
      // What was held is given back.
      peer.send(RawPeer.data(stream: 1, empty, end: true))
      #expect(await eventually { peer.ended(stream: 1) })
      peer.send(
        RawPeer.request(stream: 7, words) + RawPeer.data(stream: 7, empty, end: true))
      #expect(await eventually { peer.ended(stream: 7) })
      #expect(count(server, .heldBytes) == 2)
      peer.close()
      _ = try await EchoClient(channel).unary(EchoRequest())
    }
  }

  // MARK: Health

  @Test("a watch tells the state at once, and then only what changes")
  func watch() async throws {
    try await withServer([echo()]) { server, channel, _ in
      let answers = try await HealthClient(channel).watch(
        HealthCheckRequest(service: "bench.v1.Echo"))
      let states = answers.makeAsyncIterator()
      let first = try await states.next()?.status
      server.health.setServing(true)
      server.health.setServing(false, service: "bench.v1.Echo")
      let second = try await states.next()?.status
      server.health.setServing(true)
      let third = try await states.next()?.status
      #expect([first, second, third] == [.serving, .notServing, .serving])
      #expect(server.health.watchCount == 1)
    }
  }

  @Test("a service nobody knows is watched all the same")
  func unknownWatch() async throws {
    try await withServer([echo()]) { server, channel, _ in
      let answers = try await HealthClient(channel).watch(HealthCheckRequest(service: "later"))
      let states = answers.makeAsyncIterator()
      let first = try await states.next()?.status
      server.health.setServing(true, service: "later")
      let second = try await states.next()?.status
      #expect([first, second] == [.serviceUnknown, .serving])
    }
  }

  @Test("watches hold no place, are bounded on a connection, and end when it does")
  func watches() async throws {
    var settings = ServerSettings()
    settings.inFlightMax = 1
    settings.watchesPerConnectionMax = 2
    try await withServer([echo()], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening)
      for stream in [1, 3, 5] as [UInt32] {
        peer.send(
          RawPeer.request(stream: stream, path: HealthStatus.watchPath)
            + RawPeer.data(stream: stream, empty, end: true))
      }
      #expect(await eventually { peer.ended(stream: 5) })
      #expect(await eventually { !peer.body(stream: 1).isEmpty && !peer.body(stream: 3).isEmpty })
      #expect(count(server, .watches) == 1)
      peer.send(RawPeer.request(stream: 7) + RawPeer.data(stream: 7, empty, end: true))
      #expect(await eventually { peer.ended(stream: 7) && !peer.body(stream: 7).isEmpty })
      peer.close()
      #expect(await eventually { server.health.watchCount == 0 && server.callsInFlight == 0 })
    }
  }

  @Test("a server that stops tells its watchers before their connection ends")
  func watchedStop() async throws {
    let server = RPCServer(services: [echo()], settings: .patient)
    let port = try await server.start(port: 0)
    server.health.setServing(true)
    let peer = try await RawPeer.connect(port: port)
    peer.send(
      RawPeer.opening + RawPeer.request(stream: 1, path: HealthStatus.watchPath)
        + RawPeer.data(stream: 1, empty, end: true))
    #expect(await eventually { !peer.body(stream: 1).isEmpty })
    await server.shutdownGracefully(grace: .seconds(20))
    // Serving, then not: field 1, a varint, in five bytes of frame each.
    #expect(await eventually { peer.ended(stream: 1) })
    #expect(peer.body(stream: 1) == [0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 2])
  }
}
