import ArgumentParser
import Foundation
import GRPC
import InteropAPI

/// Starts the server; foreign runners have flags of their own.
@main
enum Program {
  static func main() async {
    await InteropServer.main(InteropFlags.rewritten(CommandLine.arguments.dropFirst()))
  }
}

/// Answers `grpc.testing.TestService` for foreign clients, in cleartext or over TLS.
struct InteropServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop-server",
    abstract: "Answers gRPC's interoperability service on loopback.",
    discussion: """
      With --tls and no certificate it makes one for localhost and says where its authority is. \
      The flags of gRPC's description (--port=N --use_tls=true) are taken too.
      """)

  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"

  @Option(help: "The port; 0 lets the system choose.")
  var port = 0

  @Flag(help: "TLS.")
  var tls = false

  @Option(help: "PEM file of the server's certificate.")
  var certificate: String?

  @Option(help: "PEM file of its key.")
  var key: String?

  @Option(help: "PEM file of an authority: clients must show a certificate of it.")
  var authority: String?

  @Option(help: "Event loops, each a thread.")
  var loops = 1

  func validate() throws {
    guard (certificate == nil) == (key == nil) else {
      throw ValidationError("a certificate and its key go together")
    }
  }

  func run() async throws {
    var settings = ServerSettings()
    settings.loops = loops
    // Foreign clients name no deadline, or a long one.
    settings.defaultDeadline = .seconds(60)
    settings.longestDeadline = .seconds(300)
    settings.inFlightMax = 1_600
    // To runners a call that is refused is a failure, however slow the machine is.
    settings.admission.queueMax = 1_600
    settings.admission.interval = .seconds(30)
    settings.requestBytesMax = 4 << 20
    settings.responseBytesMax = 4 << 20
    // A few hundred large answers at once.
    settings.outboundBytesMax = 16 << 20
    // Runners cancel call after call, which an open server takes for an attack.
    settings.resetsReceived = Frequency(burst: 10_000, perSecond: 1_000)
    let server = RPCServer(
      services: [.testService(TestService())], interceptors: [MetadataEcho()], settings: settings,
      tls: try security())
    let bound = try await server.start(host: host, port: port)
    server.health.setServing(true)
    print("listening on \(host):\(bound)")
    fflush(nil)
    await Self.termination()
    await server.shutdownGracefully(grace: .seconds(1))
  }

  /// Waits for SIGTERM: a server that ends in order shows a sanitizer what it leaves behind.
  private static func termination() async {
    signal(SIGTERM, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGTERM)
    await withCheckedContinuation { continuation in
      source.setEventHandler {
        // Once: a second signal comes too late.
        source.cancel()
        continuation.resume()
      }
      source.resume()
    }
  }

  private func security() throws -> TLSSettings? {
    guard tls || certificate != nil else { return nil }
    if let certificate, let key {
      return TLSSettings(certificatePath: certificate, keyPath: key, authorityPath: authority)
    }
    let made = try LocalCertificate.make()
    print("authority in \(made.authorityPath)")
    return TLSSettings(
      certificatePath: made.certificatePath, keyPath: made.keyPath, authorityPath: authority)
  }
}
