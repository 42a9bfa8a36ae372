import GRPC
import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
  import Glibc
#endif

/// The life of a service's process, the same for all of them: settings, parts, server, drain.
public enum ServiceProcess {
  /// Exit code for settings that cannot be used (`EX_CONFIG` of sysexits.h).
  static let badSettings: Int32 = 78

  /// Puts the service together and serves until SIGTERM or SIGINT; then drains and returns. Bad
  /// settings are listed on standard error and end the process with code 78.
  public static func main(
    _ name: String, _ assemble: @Sendable (inout Rig) async throws -> Assembly
  ) async {
    LineLog.install()
    MetricsRegistry.process.install()
    do {
      var settings = ServiceSettings()
      CoreFiles.forbid(unless: &settings)
      var rig = Rig(name: name, settings: settings)
      let verifier = rig.contextVerifier()
      var assembly = try await assemble(&rig)
      let (requirements, isReady) = (rig.requirements, assembly.isReady)
      assembly.isReady = { if requirements.areMet { await isReady() } else { false } }
      assembly.background.append(requirements.task(of: name))
      let host = rig.settings.string("CLIENTELE_HOST", default: "127.0.0.1")
      let port = rig.settings.int("CLIENTELE_PORT", default: 0, in: 0...65535)
      var bounds = ServerSettings()
      bounds.loops = rig.settings.int("CLIENTELE_LOOPS", default: 1, in: 1...64)
      bounds.inFlightMax = rig.settings.int(
        "CLIENTELE_IN_FLIGHT_MAX", default: bounds.inFlightMax, in: 1...100_000)
      bounds.servesReflection = rig.settings.flag("CLIENTELE_REFLECTION", default: true)
      let listener = rig.settings.int("CLIENTELE_LISTEN_FD", default: -1, in: 0...1_023)
      let standsBy = rig.settings.flag("CLIENTELE_STANDBY", default: false)
      let admin = AdminSettings(&rig.settings)
      try rig.settings.check()
      let server = RPCServer(
        services: assembly.services,
        interceptors: interceptors(verifier, rig) + assembly.interceptors, settings: bounds,
        tls: rig.tls, logger: rig.logger)
      let served = ServedAssembly(
        server: server, host: host, port: port, inherited: listener < 0 ? nil : CInt(listener),
        standsBy: standsBy, admin: admin,
        readyFile: ReadyFile(rig.settings, logger: rig.logger), channels: rig.channels,
        figures: rig.figures,
        assembly: assembly, logger: rig.logger)
      try await run(rig, assembly, served)
      await rig.channels.close()
      await assembly.close()
    } catch {
      end(name, by: error)
    }
  }

  /// Ends the process and says why on standard error: code 78 for settings that cannot be used, 1 for
  /// anything else.
  public static func end(_ name: String, by error: any Error) -> Never {
    end(name, saying: "\(error)", code: error is ServiceSettings.Invalid ? badSettings : 1)
  }

  static func end(_ name: String, saying reason: String, code: Int32) -> Never {
    // Not even this waits for a reader that has stopped, or traps on a full disk.
    let writer = LineWriter(descriptor: STDERR_FILENO)
    writer.write(Array("\(name): \(reason)\n".utf8))
    writer.finish()
    exit(code)
  }

  /// What every call passes through, from the outside in.
  static func interceptors(_ verifier: ContextVerifier, _ rig: Rig) -> [any ServerInterceptor] {
    [
      TraceInterceptor(), LogInterceptor(logger: rig.logger),
      AccessInterceptor(verifier: verifier, clock: rig.clock),
    ]
  }

  private static func run(_ rig: Rig, _ assembly: Assembly, _ served: ServedAssembly) async throws {
    let background = assembly.background.map {
      ServiceGroupConfiguration.ServiceConfiguration(
        service: BackgroundRunner(task: $0, logger: rig.logger))
    }
    // The last one stops first: no new calls, then the workers.
    let group = ServiceGroup(
      configuration: .init(
        services: background + [.init(service: served)],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: rig.logger))
    try await group.run()
  }
}
