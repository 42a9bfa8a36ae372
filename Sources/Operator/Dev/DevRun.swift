import Foundation
import FoundationNetworking
import GRPC
import ServiceLifecycle

/// A development run from its first file to its last process.
struct DevRun: ServiceLifecycle.Service {
  let layout: DevLayout
  let loadsDemo: Bool

  /// How long a service may take to answer after its start.
  static let readyWithin = Duration.seconds(60)

  /// Something that keeps the run from going on, in words for a person.
  struct Stopped: Error, CustomStringConvertible {
    let description: String
  }

  @Sendable static func say(_ line: String) {
    FileHandle.standardOutput.write(Data("clientele: \(line)\n".utf8))
  }

  func run() async throws {
    try prepareFolders()
    Supervisor.endLeftovers(in: layout.pids, programs: layout.programs)
    try checkPorts()
    Self.say("certificates and keys in \(layout.directory.path)")
    try Shell.run(["scripts/pki.sh", layout.directory.path], in: layout.root)
    Self.say("PostgreSQL under \(layout.postgres.path)")
    try Shell.run(
      ["scripts/postgres.sh", "start", layout.postgres.path, "--durable"], in: layout.root,
      quiet: true)
    let supervisor = Supervisor(say: Self.say)
    do {
      try await serve(supervisor)
    } catch is CancellationError {
      // Somebody pressed Ctrl-C: that is how a run ends.
    } catch {
      await stop(supervisor)
      throw error
    }
    await stop(supervisor)
  }

  private func serve(_ supervisor: Supervisor) async throws {
    let socket = try DevLayout.socket(of: layout.postgres, root: layout.root)
    let applied = try await Migrations.apply(
      root: layout.root, superuser: Migrations.superuser(socket: socket),
      services: DevLayout.services)
    Self.say(applied == 0 ? "schemas are up to date" : "schemas migrated: \(applied) steps")
    for name in DevLayout.services + ["gateway"] {
      await supervisor.start(program(name, socket: socket))
    }
    try await cancelWhenGracefulShutdown {
      try await waitUntilReady()
      if loadsDemo {
        let demo = try Demo(layout: layout)
        try await demo.load()
        await demo.close()
      }
      announce()
      // Nothing to do until a signal comes; the supervisor works on its own.
      while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
    }
  }

  private func stop(_ supervisor: Supervisor) async {
    Self.say("stopping")
    await supervisor.stop()
    do {
      try Shell.run(
        ["scripts/postgres.sh", "stop", layout.postgres.path], in: layout.root, quiet: true)
      Self.say("stopped")
    } catch {
      Self.say("PostgreSQL did not stop: \(error)")
    }
  }

  private func prepareFolders() throws {
    for folder in [layout.directory, layout.logs, layout.outbox, layout.pids] {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    for name in DevLayout.services + ["gateway"] {
      let path = layout.programs.appending(path: name).path
      guard FileManager.default.isExecutableFile(atPath: path) else {
        throw Stopped(description: "\(path) is missing: `swift build` makes it")
      }
    }
  }

  /// Says which port is taken before anything is started.
  private func checkPorts() throws {
    let wanted =
      DevLayout.services.map { ($0, layout.ports[$0] ?? 0) }
      + [("gateway", layout.gatewayPort)]
    for (name, port) in wanted where !PortProbe.isFree(port) {
      throw Stopped(
        description:
          "port \(port) for \(name) is taken: stop what uses it, or choose another with --\(name)-port"
      )
    }
  }

  private func program(_ name: String, socket: String) -> SupervisedProgram {
    SupervisedProgram(
      name: name, executable: layout.programs.appending(path: name),
      environment: layout.environment(of: name, socket: socket),
      log: layout.logs.appending(path: "\(name).log"),
      pidFile: layout.pids.appending(path: "\(name).pid"))
  }

  private func waitUntilReady() async throws {
    let limit = ContinuousClock.now + Self.readyWithin
    while true {
      if let url = URL(string: "\(layout.gatewayURL)/healthz"),
        let (_, response) = try? await URLSession.shared.data(from: url),
        (response as? HTTPURLResponse)?.statusCode == 200
      {
        return
      }
      guard ContinuousClock.now < limit else {
        throw Stopped(
          description:
            "the services are not ready after 60 s; their logs are in \(layout.logs.path)")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private func announce() {
    let services = DevLayout.services.map {
      "  \($0.padding(toLength: 18, withPad: " ", startingAt: 0))\(layout.address($0))"
    }
    let demo =
      loadsDemo
      ? """

      Sign in as          \(Demo.administrator), \(Demo.employee) or \(Demo.otherAdministrator)
      Password            \(Demo.password)

      """ : ""
    print(
      """

      Clientele is up.

        API and pages       \(layout.gatewayURL)
        API description     \(layout.gatewayURL)/openapi.json
      \(services.joined(separator: "\n"))
        Certificate for a gRPC client  \(layout.directory.appending(path: "dev-client.pem").path), .key beside it
        Outbox              \(layout.outbox.path)
        Logs                \(layout.logs.path)
      \(demo)
      Ctrl-C stops everything.

      """)
    fflush(nil)
  }
}
