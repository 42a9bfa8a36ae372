import ArgumentParser
import BenchAPI
import Foundation
import GRPC
import Logging

/// Answers `bench.v1.Echo`, for measuring the runtime.
@main
struct EchoServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "echo-server", abstract: "Answers bench.v1.Echo on loopback, for measuring.")

  @Option(help: "The port; 0 lets the system choose.")
  var port = 50_100

  @Option(help: "Event loops, each a thread.")
  var loops = 1

  @Option(help: "PEM file of a certificate: TLS.")
  var certificate: String?

  @Option(help: "PEM file of its key.")
  var key: String?

  @Option(help: "PEM file of an authority: mutual TLS, callers must show a certificate of it.")
  var authority: String?

  func validate() throws {
    guard (certificate == nil) == (key == nil), certificate != nil || authority == nil else {
      throw ValidationError("a certificate and its key go together, and an authority with them")
    }
  }

  @Option(help: "Microseconds of processor time that every call costs, for measuring overload.")
  var workUs = 0

  func run() async throws {
    var settings = ServerSettings()
    settings.loops = loops
    // As many as sixteen connections of a hundred streams may have under way.
    settings.inFlightMax = 1_600
    let tls = certificate.map {
      TLSSettings(certificatePath: $0, keyPath: key, authorityPath: authority)
    }
    let echo = Echo(work: .microseconds(max(0, workUs)))
    let server = RPCServer(services: [.echo(echo)], settings: settings, tls: tls)
    let bound = try await server.start(port: port)
    server.health.setServing(true)
    // Not by `print`, which keeps the line to itself while its reader waits at a pipe.
    try? FileHandle.standardOutput.write(contentsOf: Data("listening on 127.0.0.1:\(bound)\n".utf8))
    while true { try await Task.sleep(for: .seconds(3_600)) }
  }
}

/// Sends back what it was sent.
struct Echo: EchoProtocol {
  /// Answers of one stream, at most.
  private static let countMax: UInt32 = 10_000_000

  /// How long each answer keeps its thread busy.
  let work: Duration

  func unary(_ request: EchoRequest, in call: CallContext) async throws -> EchoResponse {
    if work > .zero { burn() }
    return EchoResponse(payload: request.payload, n: request.n)
  }

  /// Counts the thread's own processor time, so that a busy machine makes no call cheaper.
  private func burn() {
    var time = timespec()
    func now() -> Duration {
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
    let end = now() + work
    while now() < end {}
  }

  func serverStream(
    _ request: EchoStreamRequest, to responses: MessageWriter<EchoResponse>, in call: CallContext
  ) async throws {
    guard request.count <= Self.countMax else {
      throw RPCError(.invalidArgument, "at most \(Self.countMax) answers are sent")
    }
    let answer = EchoResponse(payload: request.message?.payload ?? [], n: request.message?.n ?? 0)
    for _ in 0..<request.count { try await responses.write(answer) }
  }

  func clientStream(
    _ requests: MessageStream<EchoRequest>, in call: CallContext
  ) async throws -> EchoResponse {
    var answer = EchoResponse()
    for try await request in requests {
      answer.payload = request.payload
      answer.n &+= request.n
    }
    return answer
  }

  func bothStream(
    _ requests: MessageStream<EchoRequest>, to responses: MessageWriter<EchoResponse>,
    in call: CallContext
  ) async throws {
    for try await request in requests {
      try await responses.write(EchoResponse(payload: request.payload, n: request.n))
    }
  }
}
