import ArgumentParser
import Foundation
import GRPC
import Logging
import ServiceLifecycle
import UnixSignals

/// `clientele dev`: everything up from nothing, what `make run` ends in.
struct DevCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev",
    abstract: "Starts PostgreSQL, the four services and the gateway, and keeps them running.",
    discussion: """
      Makes what is missing under the directory: certificates, a private PostgreSQL cluster, the
      schemas, a demo organisation. Ctrl-C stops everything.
      """)

  @Option(help: "What the run keeps: database, certificates, mails, logs.")
  var directory = ".run"

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

  @Flag(inversion: .prefixedNo, help: "Load the demo organisations.")
  var demo = true

  private static func port(_ name: String, _ standard: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? standard
  }

  func run() async throws {
    let layout = try self.layout()
    let run = DevRun(layout: layout, loadsDemo: demo)
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: run, successTerminationBehavior: .gracefullyShutdownGroup)],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: CertificateOptions.quiet))
    do {
      try await group.run()
    } catch {
      DevRun.say("\(error)")
      throw ExitCode.failure
    }
  }

  private func layout() throws -> DevLayout {
    let root = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    guard FileManager.default.fileExists(atPath: root.appending(path: "scripts/pki.sh").path) else {
      throw ValidationError("run it from the checkout: scripts/pki.sh is not here")
    }
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return DevLayout(
      root: root,
      directory: URL(fileURLWithPath: directory, relativeTo: root).absoluteURL.standardizedFileURL,
      programs: URL(fileURLWithPath: own).deletingLastPathComponent(),
      gatewayPort: gatewayPort,
      ports: [
        "identity": identityPort, "organization": organizationPort,
        "client-directory": clientDirectoryPort, "messaging": messagingPort,
      ])
  }
}
