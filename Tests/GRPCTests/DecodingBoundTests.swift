import BenchAPI
import Protobuf
import TestKit
import TestProtosAPI
import Testing

@testable import GRPC

/// What reading a message may cost: at each bound it is read, one above it is refused, and the
/// figures of the server, or of the channel that reads an answer, say so.
@Suite struct DecodingBoundTests {
  /// Less than messages may cost unless somebody says so.
  private static let strict = DecodingLimits(
    depth: 4, fields: 50, unknownFields: 3, arenaBytes: 4 << 10)

  /// A message at a bound, or so much above it.
  private static func bytes(
    _ bound: DecodingBound, _ excess: Int, _ limits: DecodingLimits
  ) -> [UInt8] {
    switch bound {
    case .depth:
      // Field 2 of each of the levels is the next one.
      return (1..<(limits.depth + excess)).reduce([]) { inner, _ in
        [0x12, UInt8(inner.count)] + inner
      }
    case .fields:
      return Array(repeatElement([0x10, 1], count: limits.fields + excess).joined())
    case .unknownFields:
      return Array(repeatElement([0x78, 1], count: limits.unknownFields + excess).joined())
    case .memory:
      let count = payloadMax(limits) + excess
      return EchoRequest(payload: [UInt8](repeating: 1, count: count)).serialized()
    }
  }

  /// The longest payload that can be read: the C struct takes some of the memory too.
  private static func payloadMax(_ limits: DecodingLimits) -> Int {
    let most = limits.arenaBytes
    let structBytes = (0..<1_024).first { taken in
      let bytes = EchoRequest(payload: [UInt8](repeating: 1, count: most - taken)).serialized()
      return (try? EchoRequest(serialized: bytes, limits: limits)) != nil
    }
    return most - (structBytes ?? 0)
  }

  private func withBothEnds(
    _ services: [ServiceBinding], requests: DecodingLimits = .standard,
    answers: DecodingLimits = .standard, _ body: (RPCServer, ClientChannel) async throws -> Void
  ) async throws {
    var settings = ServerSettings.patient
    settings.decoding = requests
    settings.requestBytesMax = 32 << 20
    settings.responseBytesMax = 32 << 20
    settings.defaultDeadline = .seconds(20).patient
    let server = RPCServer(services: services, settings: settings)
    let port = try await server.start(port: 0)
    var channelSettings = ChannelSettings()
    channelSettings.decoding = answers
    channelSettings.responseBytesMax = 32 << 20
    channelSettings.defaultDeadline = .seconds(20).patient
    channelSettings.connectTimeout = .seconds(10).patient
    let channel = try ClientChannel(host: "127.0.0.1", port: port, settings: channelSettings)
    try await body(server, channel)
    await channel.close()
    await server.shutdownGracefully(grace: .zero)
  }

  private func expectRequests<Request: Message>(
    of type: Request.Type, _ bound: DecodingBound, _ limits: DecodingLimits
  ) async throws {
    let service = ServiceBinding(
      EchoMethods.service,
      [
        .unary(EchoMethods.unary) { (_: Request, _) in EchoResponse() },
        .clientStreaming(EchoMethods.clientStream) { (requests: MessageStream<Request>, _) in
          for try await _ in requests {}
          return EchoResponse()
        },
      ])
    let name = try #require(ServerBound(rawValue: bound.rawValue))
    try await withBothEnds([service], requests: limits) { server, channel in
      for excess in [0, 1] {
        let bytes = Self.bytes(bound, excess, limits)
        let unary = await refusal {
          try await channel.unary(
            path: EchoMethods.unary.path, request: bytes, options: CallOptions())
        }
        let stream = await refusal {
          let call = try await channel.stream(
            path: EchoMethods.clientStream.path, options: CallOptions())
          try await call.send(bytes)
          await call.finish()
          while try await call.next() != nil {}
        }
        for error in [unary, stream] {
          #expect(error?.code == (excess == 0 ? nil : .invalidArgument), "\(bound), \(excess)")
          #expect(error?.reason == (excess == 0 ? nil : "MALFORMED_MESSAGE"))
        }
        #expect(count(server, name) == Double(2 * excess), "\(bound)")
      }
    }
  }

  private func expectAnswers<Response: Message>(
    of type: Response.Type, _ bound: DecodingBound, _ limits: DecodingLimits
  ) async throws {
    for excess in [0, 1] {
      let bytes = Self.bytes(bound, excess, limits)
      let service = ServiceBinding(
        EchoMethods.service,
        [EchoMethods.unary, EchoMethods.serverStream].map { method in
          .stream(method) { _, responses, _ in try await responses.write(bytes) }
        })
      try await withBothEnds([service], answers: limits) { _, channel in
        let intercepted = InterceptedChannel(channel, [])
        let unary = await refusal {
          let _: Response = try await intercepted.unary(
            EchoMethods.unary, EchoRequest(), options: CallOptions())
        }
        let stream = await refusal {
          let answers: ResponseStream<Response> = try await intercepted.serverStreaming(
            EchoMethods.serverStream, EchoStreamRequest(), options: CallOptions())
          for try await _ in answers {}
        }
        for error in [unary, stream] {
          #expect(error?.code == (excess == 0 ? nil : .internalError), "\(bound), \(excess)")
        }
        let told = channel.metrics.samples().first { sample in
          sample.name == "grpc_client_bound_reached_total"
            && sample.labels.contains { $0.name == "bound" && $0.value == bound.rawValue }
        }
        #expect(told?.value == Double(2 * excess), "\(bound)")
      }
    }
  }

  @Test(
    "messages inside each other, fields, unknown fields, and memory",
    arguments: DecodingBound.allCases, [DecodingLimits.standard, Self.strict])
  func edges(bound: DecodingBound, limits: DecodingLimits) async throws {
    if bound == .depth {
      try await expectRequests(of: Level1.self, bound, limits)
      try await expectAnswers(of: Level1.self, bound, limits)
    } else {
      try await expectRequests(of: EchoRequest.self, bound, limits)
      try await expectAnswers(of: EchoRequest.self, bound, limits)
    }
  }

  @Test("what is no message at all reaches no bound")
  func malformed() async throws {
    try await withServer([echo()]) { server, channel, _ in
      let error = await refusal {
        try await channel.unary(
          path: EchoMethods.unary.path, request: [0x0a, 9], options: CallOptions())
      }
      #expect(error?.reason == "MALFORMED_MESSAGE")
      for bound in DecodingBound.allCases {
        #expect(ServerBound(rawValue: bound.rawValue).map { count(server, $0) } == 0)
      }
    }
  }
}
