import BenchAPI
import CommonAPI
import Logging
import NIOCore
import NIOEmbedded

@testable import GRPC
@testable import HTTP2

/// A connection of a server with all its layers, from the bytes of the socket to handlers that
/// answer, throw, wait until they are cancelled or stream. When the peer is gone no call may be
/// left.
enum ServerTarget {
  static func run(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let shape = input.byte()
    let loop = EmbeddedEventLoop()
    let home = ServerLoop(loop, core: core)
    let calls = try ServerConnection(core: core, home: home, address: "127.0.0.1", tls: nil) { _ in
    }
    let connection = Connection(session: calls.session, delegate: calls)
    calls.connection = connection
    let channel = EmbeddedChannel(handler: connection, loop: loop)
    if let address { channel.connect(to: address, promise: nil) }
    var pieces =
      shape & 1 == 0 ? [input.remainder()] : FrameGrammar.pieces(&input, heads: heads)
    if shape & 2 == 0 {
      pieces.insert(FrameGrammar.preface + FrameGrammar.rawFrame(4, flags: 0, 0, []), at: 0)
    }
    for piece in pieces where channel.isActive {
      // A handler that failed has closed the channel; there is nothing to tell here.
      _ = try? channel.writeInbound(ByteBuffer(bytes: piece))
      loop.run()
      while let _ = try? channel.readOutbound(as: ByteBuffer.self) {}
    }
    _ = try? channel.finish(acceptAlreadyClosed: true)
    loop.run()
    try expect(core.callsInFlight == 0, "\(core.callsInFlight) calls are left")
    try expect(calls.session.openStreams == 0, "streams are left")
  }

  private static let address = try? SocketAddress(ipAddress: "127.0.0.1", port: 1)

  private static let heads = [
    FrameGrammar.request("/bench.v1.Echo/Unary"),
    FrameGrammar.request("/bench.v1.Echo/Unary", [("grpc-timeout", "1S"), ("a-bin", "AAAA")]),
    FrameGrammar.request(
      "/bench.v1.Echo/Unary", [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")]),
    FrameGrammar.request("/grpc.health.v1.Health/Check"),
    FrameGrammar.request("/grpc.health.v1.Health/Watch"),
    FrameGrammar.request("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    FrameGrammar.request("/no/Method"), [0x82, 0x86],
    FrameGrammar.block([("x-trailer", "1")]),
  ]

  private static let core: ServerCore = {
    var settings = ServerSettings()
    settings.outboundFramesMax = 64
    let health = HealthStatus(services: ["bench.v1.Echo"])
    let services = [
      ServiceBinding(
        EchoMethods.service, [.unary(EchoMethods.unary) { try await answer($0, $1) }])
    ]
    return ServerCore(
      services: services,
      builtIn: BuiltInServices.bindings(settings, services: services, health: health),
      interceptors: [], settings: settings, health: health,
      logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
  }()

  /// The number in the request says how it is answered.
  private static func answer(
    _ request: EchoRequest, _ call: CallContext
  ) async throws -> EchoResponse {
    switch request.n & 7 {
    case 1: throw RPCError(.notFound, "nothing here %\n")
    case 2: await Task.yield()
    case 3:
      let never = OneShot<Void>()
      try await withTaskCancellationHandler {
        try await never.take()
      } onCancel: {
        never.give(.failure(CancellationError()))
      }
    case 4: return EchoResponse(payload: [UInt8](repeating: 7, count: 300_000), n: request.n)
    case 5: return EchoResponse(payload: [UInt8](repeating: 7, count: 5 << 20), n: request.n)
    case 6:
      await Task.yield()
      throw CancellationError()
    default: break
    }
    return EchoResponse(payload: request.payload, n: request.n)
  }
}
