import BenchAPI
import Protobuf
import Testing

@testable import GRPC

@Suite struct MetricsTests {
  private func value(
    _ server: RPCServer, _ name: String, _ labels: [String: String] = [:]
  ) -> Double? {
    server.metrics.samples().first { sample in
      sample.name == name
        && labels.allSatisfy { key, value in
          sample.labels.contains { $0.name == key && $0.value == value }
        }
    }?.value
  }

  @Test("calls are counted by method and by how they ended, refused ones too")
  func calls() async throws {
    let gate = Gate()
    let service = echo { request, _ in
      if request.n == 1 { throw RPCError(.aborted, "no") }
      if request.n == 2 { try await gate.pass() }
      return EchoResponse()
    }
    let method = ["method": EchoMethods.unary.path]
    try await withServer([service]) { server, channel, _ in
      #expect(value(server, "grpc_server_started_total") == nil)
      for n in [0, 0, 1] as [Int32] {
        _ = await refusal { try await EchoClient(channel).unary(EchoRequest(n: n)) }
      }
      let slow = Task { try await EchoClient(channel).unary(EchoRequest(n: 2)) }
      #expect(await eventually { gate.arrived == 1 })
      #expect(value(server, "grpc_server_started_total", method) == 4)
      #expect(value(server, "grpc_server_in_flight", method) == 1)
      #expect(value(server, "grpc_server_connections") == 1)
      slow.cancel()
      let cancelled = method.merging(["code": "CANCELLED"]) { $1 }
      #expect(await eventually { value(server, "grpc_server_handled_total", cancelled) == 1 })
      let ok = method.merging(["code": "OK"]) { $1 }
      #expect(value(server, "grpc_server_handled_total", ok) == 2)
      let aborted = method.merging(["code": "ABORTED"]) { $1 }
      #expect(value(server, "grpc_server_handled_total", aborted) == 1)
      #expect(value(server, "grpc_server_in_flight", method) == 0)
      _ = await refusal {
        try await channel.unary(path: "/no/Such", request: [], options: CallOptions())
      }
      let unknown = ["method": "unknown", "code": "UNIMPLEMENTED"]
      #expect(value(server, "grpc_server_handled_total", unknown) == 1)
    }
  }

  @Test("times are spread over buckets that only grow, and the last holds all")
  func histogram() {
    let counters = CallCounters(methods: 1)
    for nanoseconds in [-5, 0, 100_000, 100_001, 3_000_000_000, Int64.max] {
      counters.began(0)
      counters.ended(0, .ok, after: nanoseconds)
    }
    var row = CallCounters.Row()
    counters.read(0, into: &row)
    #expect(row.started == 6 && row.ended == 6 && row.inFlight == 0)
    #expect(row.buckets.prefix(2) == [3, 1])
    #expect(row.buckets.reduce(0, +) == 6)
    #expect(row.buckets.last == 1)
  }

  /// What a bound of the server does at its limit and one above it.
  private func expectEdge(
    _ bound: ServerBound, _ change: (inout ServerSettings) -> Void,
    reach: (RPCServer, Int, Int) async throws -> Void
  ) async throws {
    for excess in [0, 1] {
      var settings = ServerSettings()
      change(&settings)
      let server = RPCServer(services: [echo()], settings: settings)
      let port = try await server.start(port: 0)
      try await reach(server, port, excess)
      let labels = ["bound": bound.rawValue]
      #expect(
        await eventually(within: excess == 1 ? .seconds(20) : .zero) {
          value(server, "grpc_server_bound_reached_total", labels) == Double(excess)
        }, "\(bound), \(excess) above")
      await server.shutdownGracefully(grace: .zero)
    }
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
    for excess in [0, 1] {
      var settings = ServerSettings()
      let answer = EchoResponse(payload: [UInt8](repeating: 1, count: 50))
      settings.responseBytesMax = answer.serialized().count - excess
      try await withServer([echo { _, _ in answer }], settings: settings) { server, channel, _ in
        let error = await refusal { try await EchoClient(channel).unary(EchoRequest()) }
        #expect(error?.code == (excess == 1 ? .resourceExhausted : nil))
        let bound = ["bound": "response_bytes"]
        #expect(value(server, "grpc_server_bound_reached_total", bound) == Double(excess))
      }
    }
  }

  @Test("what a session keeps is counted by the server, as its settings say")
  func session() async throws {
    try await expectEdge(.pings) {
      $0.pings = Frequency(burst: 3, perSecond: 0)
    } reach: { _, port, excess in
      let peer = try await RawPeer.connect(port: port)
      let ping = RawPeer.frame(6, stream: 0, [UInt8](repeating: 1, count: 8))
      peer.send(RawPeer.opening)
      for _ in 0..<(3 + excess) { peer.send(ping) }
      #expect(
        await eventually {
          // Answers to its own pings: the server may send one as well.
          excess == 1
            ? peer.isClosed : peer.frames.filter { $0.type == 6 && $0.flags == 1 }.count == 3
        })
      peer.close()
    }
    try await expectEdge(.headerFields) {
      $0.headerFieldsMax = 6
    } reach: { _, port, excess in
      let peer = try await RawPeer.connect(port: port)
      let more = (0...excess).map { ("x-\($0)", "a") }
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1, more)
          + RawPeer.data(stream: 1, message(0), end: true))
      #expect(await eventually { peer.ended(stream: 1) || peer.heard(frame: 3, stream: 1) })
      #expect(peer.ended(stream: 1) == (excess == 0))
      peer.close()
    }
  }
}
