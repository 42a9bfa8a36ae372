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

  @OptionGroup var ports: PortOptions

  @Flag(inversion: .prefixedNo, help: "Load the demo organisations.")
  var demo = true

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
      portOptions: ports)
  }
}
