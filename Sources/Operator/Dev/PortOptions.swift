import ArgumentParser
import Foundation

/// Which ports a run's parts listen on.
struct PortOptions: ParsableArguments {
  @Option(help: "The gateway's port. CLIENTELE_GATEWAY_PORT changes the default.")
  var gatewayPort = Self.port("CLIENTELE_GATEWAY_PORT", 8080)

  @Option(help: "identity's port. CLIENTELE_IDENTITY_PORT changes the default.")
  var identityPort = Self.port("CLIENTELE_IDENTITY_PORT", 50051)

  @Option(help: "organization's port. CLIENTELE_ORGANIZATION_PORT changes the default.")
  var organizationPort = Self.port("CLIENTELE_ORGANIZATION_PORT", 50052)

  @Option(help: "client-directory's port. CLIENTELE_CLIENT_DIRECTORY_PORT changes the default.")
  var clientDirectoryPort = Self.port("CLIENTELE_CLIENT_DIRECTORY_PORT", 50053)

  @Option(help: "messaging's port. CLIENTELE_MESSAGING_PORT changes the default.")
  var messagingPort = Self.port("CLIENTELE_MESSAGING_PORT", 50054)

  @Option(
    help: """
      The first of the processes' admin ports, one after another; 0 for none. CLIENTELE_ADMIN_PORT \
      changes the default.
      """)
  var adminPort = Self.port("CLIENTELE_ADMIN_PORT", 9460)

  /// How many processes a service has; CLIENTELE_PROCESSES changes it.
  static var processes: Int { min(max(port("CLIENTELE_PROCESSES", 2), 1), 16) }

  /// The admin port of a process, those of the gateway and the services one after another; nil when
  /// there are none.
  /// - Parameter number: of the process among its service's, from 1.
  func adminPort(of service: String, _ number: Int) -> Int? {
    guard adminPort > 0 else { return nil }
    guard let index = DevLayout.services.firstIndex(of: service) else { return adminPort }
    return adminPort + index * Self.processes + number
  }

  /// The services' ports, by name.
  var services: [String: Int] {
    [
      "identity": identityPort, "organization": organizationPort,
      "client-directory": clientDirectoryPort, "messaging": messagingPort,
    ]
  }

  private static func port(_ name: String, _ standard: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? standard
  }
}
