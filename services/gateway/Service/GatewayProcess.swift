import ClientDirectoryAPI
import GRPC
import IdentityAPI
import Logging
import MessagingAPI
import OrganizationAPI
import ServiceKit
import ServiceLifecycle
import UnixSignals

/// The life of the gateway's process: settings, channels, server, drain. It answers no gRPC itself,
/// which is what sets it apart from `ServiceProcess`.
public enum GatewayProcess {
  /// How long calls in flight may take to end.
  static let grace = Duration.seconds(10)

  /// The services whose methods are shown. A new rpc of theirs appears by itself; a new gRPC service
  /// is added here.
  static let shown: [(name: String, services: [ServiceDescriptor])] = [
    ("identity", [IdentityServiceMethods.service]),
    ("organization", [OrganizationServiceMethods.service]),
    ("client-directory", [ClientDirectoryServiceMethods.service]),
    ("messaging", [MessagingServiceMethods.service]),
  ]

  /// Serves until SIGTERM or SIGINT; then answers what was begun and returns. Bad settings are
  /// listed on standard error and end the process with code 78.
  public static func main() async {
    LineLog.install()
    MetricsRegistry.process.install()
    do {
      var settings = ServiceSettings()
      CoreFiles.forbid(unless: &settings)
      OpenFileLimit.raise()
      let logger = settings.logger("gateway")
      let tls = settings.tls()
      let own = GatewaySettings(&settings)
      let admin = AdminSettings(&settings)
      let addresses = shown.map { settings.address(of: $0.name) }
      try settings.check()
      let channels = try zip(shown, addresses).map { service, address in
        try ClientChannel(
          host: address.host, port: address.port, tls: tls, expectedPeer: service.name)
      }
      let backends = zip(shown, channels).map { service, channel in
        Backend(name: service.name, services: service.services, channel: channel)
      }
      let gateway = try Gateway(settings: own, backends: backends, logger: logger)
      let office = AdminServer(
        AdminServer.Sources(
          samples: { gateway.samples() + channels.flatMap { $0.metrics.samples() } },
          loopDelay: LoopDelay.ofProcess()))
      await office.startIfWanted(admin, logger)
      try await run(gateway, ReadyFile(settings, logger: logger), logger: logger)
      await office.stop()
      for channel in channels { await channel.close() }
    } catch {
      ServiceProcess.end("gateway", by: error)
    }
  }

  private static func run(
    _ gateway: Gateway, _ readyFile: ReadyFile, logger: Logger
  ) async throws {
    var configuration = ServiceGroupConfiguration(
      services: [
        .init(service: RevocationService(gateway: gateway)),
        .init(service: GatewayServer(gateway, logger: logger) { _ in readyFile.write() }),
      ],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = grace
    try await ServiceGroup(configuration: configuration).run()
    logger.notice("stopped")
  }
}

/// The follower of revocations under the process's life cycle.
struct RevocationService: ServiceLifecycle.Service {
  let gateway: Gateway

  func run() async throws {
    await cancelWhenGracefulShutdown { await gateway.followRevocations() }
  }
}
