import ArgumentParser
import BenchAPI
import GRPC
import Logging

/// Answers `bench.v1.Echo` in cleartext, for measuring the runtime.
@main
struct EchoServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "echo-server", abstract: "Answers bench.v1.Echo on loopback, for measuring.")

  @Option(help: "The port; 0 lets the system choose.")
  var port = 50_100

  @Option(help: "Event loops, each a thread.")
  var loops = 1

  func run() async throws {
    var settings = ServerSettings()
    settings.loops = loops
    // As many as sixteen connections of a hundred streams may have under way.
    settings.inFlightMax = 1_600
    let server = RPCServer(services: [.echo(Echo())], settings: settings)
    let bound = try await server.start(port: port)
    server.health.setServing(true)
    print("listening on 127.0.0.1:\(bound)")
    while true { try await Task.sleep(for: .seconds(3_600)) }
  }
}

/// Sends back what it was sent.
struct Echo: EchoProtocol {
  func unary(_ request: EchoRequest, in call: CallContext) async throws -> EchoResponse {
    EchoResponse(payload: request.payload, n: request.n)
  }
}
