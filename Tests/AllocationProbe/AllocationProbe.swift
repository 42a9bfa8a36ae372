import BenchAPI
import CAllocationCount
import CommonAPI
import GRPC
import InteropAPI
import Protobuf

/// Prints how many blocks of memory the hottest paths ask for: a line each, its name and the number
/// a call or a message. AllocationTests holds them against their limits.
@main
enum AllocationProbe {
  /// Calls and messages before counting: caches and pools are full by then.
  private static let warmUp = 300
  private static let calls = 1_000
  private static let messages: UInt32 = 1_000
  private static let payload = [UInt8](repeating: 7, count: 32)

  static func main() async throws {
    guard clientele_allocations_are_counted() else { return print("not counted") }
    let server = RPCServer(services: [.echo(Echo())])
    let channel = try ClientChannel(host: "127.0.0.1", port: try await server.start(port: 0))
    try await unary(EchoClient(channel))
    try await streaming(EchoClient(channel))
    await channel.close()
    await server.shutdownGracefully()
    coding()
  }

  /// The server has one thread, and its handler tells how much that has asked for. The rest of what
  /// the process asked for is the client's.
  private static func unary(_ client: EchoClient) async throws {
    let request = EchoRequest(payload: payload)
    for _ in 0..<warmUp { _ = try await client.unary(request) }
    let serverBefore = try await client.unary(request).n
    let before = clientele_allocations()
    for _ in 1..<calls { _ = try await client.unary(request) }
    let serverAfter = try await client.unary(request).n
    let all = Double(clientele_allocations() - before)
    let server = Double(serverAfter &- serverBefore)
    report("unary-server", server / Double(calls))
    report("unary-client", (all - server) / Double(calls))
  }

  /// The numbers of the first and the last answer tell how much the server's thread asked for
  /// between them.
  private static func streaming(_ client: EchoClient) async throws {
    let request = EchoStreamRequest(message: EchoRequest(payload: payload), count: messages)
    var count: Int32 = 0
    for _ in 0..<3 {
      let answers = try await client.serverStream(request)
      let first = try await answers.next()?.n ?? 0
      var last = first
      while let answer = try await answers.next() { last = answer.n }
      count = last &- first
    }
    report("stream-server-message", Double(count) / Double(messages - 1))
  }

  private static func coding() {
    let request = StreamingOutputCallRequest(
      responseParameters: (1...4).map { ResponseParameters(size: $0) },
      payload: Payload(body: payload), responseStatus: EchoStatus(code: 2, message: "a message"))
    let bytes = request.serialized()
    report("decode-request", each { _ = try? bytes.withUnsafeBytes(decode) })
    // No map in it: the order of its pairs, and what it costs, differ from run to run.
    let answer = Resolutions(
      resolutions: (1...3).map { Resolution(rpc: "package.Service/Method\($0)", labelKey: "key") })
    report("encode-answer", each { _ = answer.serialized() })
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> StreamingOutputCallRequest {
    try StreamingOutputCallRequest(serialized: bytes)
  }

  private static func each(_ body: () -> Void) -> Double {
    for _ in 0..<warmUp { body() }
    let before = clientele_allocations_here()
    for _ in 0..<calls { body() }
    return Double(clientele_allocations_here() - before) / Double(calls)
  }

  private static func report(_ name: String, _ count: Double) {
    print("\(name) \((count * 10).rounded() / 10)")
  }
}

/// Answers with what its thread has asked for so far.
private struct Echo: EchoProtocol {
  private static var here: Int32 { Int32(truncatingIfNeeded: clientele_allocations_here()) }

  func unary(_ request: EchoRequest, in call: CallContext) async throws -> EchoResponse {
    EchoResponse(payload: request.payload, n: Self.here)
  }

  func serverStream(
    _ request: EchoStreamRequest, to responses: MessageWriter<EchoResponse>, in call: CallContext
  ) async throws {
    let payload = request.message?.payload ?? []
    for _ in 0..<request.count {
      try await responses.write(EchoResponse(payload: payload, n: Self.here))
    }
  }

  func clientStream(
    _ requests: MessageStream<EchoRequest>, in call: CallContext
  ) async throws -> EchoResponse {
    while try await requests.next() != nil {}
    return EchoResponse()
  }

  func bothStream(
    _ requests: MessageStream<EchoRequest>, to responses: MessageWriter<EchoResponse>,
    in call: CallContext
  ) async throws {
    while try await requests.next() != nil {}
  }
}
