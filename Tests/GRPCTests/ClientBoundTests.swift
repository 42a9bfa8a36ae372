import BenchAPI
import NIOCore
import Testing

@testable import GRPC

/// Bounds of a channel: what reaches one passes, one more is refused, and the channel's figures say
/// so.
@Suite struct ClientBoundTests {
  private static let path = EchoMethods.unary.path

  private func count(_ channel: ClientChannel, _ bound: String) -> Double? {
    channel.metrics.samples().first { sample in
      sample.name == "grpc_client_bound_reached_total"
        && sample.labels.contains { $0.name == "bound" && $0.value == bound }
    }?.value
  }

  private func call(_ channel: ClientChannel) async -> RPCError? {
    await refusal {
      try await channel.unary(path: Self.path, request: [], options: CallOptions())
    }
  }

  @Test("every bound has a figure of its own")
  func names() async throws {
    try await withRawServer(answer: { RawServer.empty(stream: $0.stream) }) { _, channel in
      let names = channel.metrics.samples()
        .filter { $0.name == "grpc_client_bound_reached_total" }
        .compactMap { sample in sample.labels.first { $0.name == "bound" }?.value }
      #expect(Set(names).count == names.count)
      #expect(Set(names).isSuperset(of: ClientBound.allCases.map(\.rawValue)))
      // Those of a session have the names that they have with a server.
      #expect(Set(names).isSuperset(of: ["header_list_bytes", "frame_bytes", "windows", "pings"]))
    }
  }

  @Test("calls that wait for a connection")
  func waiting() async throws {
    // It takes connections and never says that it speaks HTTP/2.
    try await withRawServer(greeting: [], isDeaf: true) {
      $0.waitingMax = 2
    } answer: { _ in
      []
    } _: { _, channel in
      let calls = (0..<2).map { _ in Task { await call(channel) } }
      #expect(
        await eventually {
          channel.metrics.samples().first { $0.name == "grpc_client_waiting" }?.value == 2
        })
      #expect(count(channel, "waiting") == 0)
      let refused = await call(channel)
      #expect(refused?.code == .resourceExhausted && refused?.reason == "OVERLOADED")
      #expect(count(channel, "waiting") == 1)
      for call in calls { call.cancel() }
      for call in calls { #expect(await call.value?.code == .cancelled) }
    }
  }

  @Test("bytes of an answer", arguments: [0, 1])
  func responseBytes(excess: Int) async throws {
    let body = [UInt8](repeating: 0, count: 100 + excess)
    let message = [0] + RawPeer.big(UInt32(body.count)) + body
    try await withRawServer {
      $0.responseBytesMax = 100
    } answer: { call in
      RawServer.headers(stream: call.stream, [RawServer.grpc])
        + RawPeer.data(stream: call.stream, message, end: false)
        + RawServer.block(stream: call.stream, end: true, [("grpc-status", "0")])
    } _: { _, channel in
      let error = await call(channel)
      #expect(error?.code == (excess == 0 ? nil : .resourceExhausted))
      #expect(count(channel, "response_bytes") == Double(excess))
    }
  }

  @Test("bytes of an answer's headers", arguments: [0, 1])
  func headerListBytes(excess: Int) async throws {
    let fields = [(":status", "200"), RawServer.grpc, ("grpc-status", "0"), ("x-a", "b")]
    let bytes = fields.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }
    try await withRawServer {
      $0.headerListBytesMax = bytes - excess
    } answer: {
      RawServer.block(stream: $0.stream, end: true, fields)
    } _: { _, channel in
      let error = await call(channel)
      // Status 0 without a message is no answer to a unary call, but what was refused says less.
      #expect(error != nil)
      #expect(await eventually { count(channel, "header_list_bytes") == Double(excess) })
    }
  }

  @Test("an answer's header fields: their number, and one of them", arguments: [0, 1])
  func headerFields(excess: Int) async throws {
    let long = String(repeating: "b", count: 100)
    let fields = [
      (":status", "200"), RawServer.grpc, ("grpc-status", "0"), ("x-a", long), ("x-bin", ",,"),
    ]
    let changes: [(String, (inout ChannelSettings) -> Void)] = [
      // The last one is three.
      ("header_fields", { $0.headerFieldsMax = fields.count + 2 - excess }),
      ("header_field_bytes", { $0.headerFieldBytesMax = 3 + long.utf8.count - excess }),
    ]
    for (bound, change) in changes {
      try await withRawServer {
        change(&$0)
      } answer: {
        RawServer.block(stream: $0.stream, end: true, fields)
      } _: { _, channel in
        #expect(await call(channel) != nil)
        #expect(await eventually { count(channel, bound) == Double(excess) }, "\(bound)")
      }
    }
  }

  @Test("the time to connect, of a server that takes the connection and says nothing")
  func connectTime() async throws {
    try await withRawServer(greeting: [], isDeaf: true) {
      $0.connectTimeout = .milliseconds(100)
      $0.waitsForReady = false
    } answer: { _ in
      []
    } _: { _, channel in
      #expect(await call(channel)?.code == .unavailable)
      #expect(await eventually { (count(channel, "connect_time") ?? 0) >= 1 })
    }
  }

  @Test("the time for the answer to a ping")
  func keepalive() async throws {
    try await withRawServer {
      $0.keepaliveAfter = .milliseconds(50)
    } answer: { _ in
      []
    } _: { server, channel in
      let waits = Task { await call(channel) }
      #expect(await eventually { server.pings >= 2 })
      #expect(count(channel, "keepalive_time") == 0)
      waits.cancel()
      #expect(await waits.value?.code == .cancelled)
    }
    try await withRawServer(isDeaf: true) {
      $0.keepaliveAfter = .milliseconds(50)
      $0.keepaliveTimeout = .milliseconds(50)
    } answer: { _ in
      []
    } _: { _, channel in
      #expect(await call(channel)?.code == .unavailable)
      #expect(count(channel, "keepalive_time") == 1)
    }
  }
}
