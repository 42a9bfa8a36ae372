import Foundation
import FoundationNetworking
import GRPC
import ServiceLifecycle
import UnixSignals

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
    try? FileHandle.standardOutput.write(contentsOf: Data("clientele: \(line)\n".utf8))
  }

  func run() async throws {
    try prepareFolders()
    let ownID = layout.directory.appending(path: DevLayout.ownPIDFile)
    // Its services would end as leftovers.
    if let other = Supervisor.living(ownID, programs: layout.programs) {
      throw Stopped(
        description:
          "a run with \(layout.directory.path) is up already, process \(other): end that one, or have "
          + "`clientele restart` replace its processes")
    }
    Supervisor.endLeftovers(in: layout.pids, programs: layout.programs)
    try checkPorts()
    let listeners = try listen()
    defer { for listener in listeners.values { listener.release() } }
    try Data("\(ProcessInfo.processInfo.processIdentifier)\n".utf8).write(to: ownID)
    defer { try? FileManager.default.removeItem(at: ownID) }
    Self.say("certificates and keys in \(layout.directory.path)")
    try Shell.run(["scripts/pki.sh", layout.directory.path], in: layout.root)
    if DevLayout.foreignCluster == nil {
      Self.say("PostgreSQL under \(layout.postgres.path)")
      try Shell.run(
        ["scripts/postgres.sh", "start", layout.postgres.path, "--durable"] + layout.archive,
        in: layout.root, quiet: true)
    }
    let supervisor = Supervisor(say: Self.say)
    do {
      try await serve(supervisor, listeners)
    } catch is CancellationError {
      // Somebody pressed Ctrl-C: that is how a run ends.
    } catch {
      await stop(supervisor)
      throw error
    }
    await stop(supervisor)
  }

  private func serve(
    _ supervisor: Supervisor, _ listeners: [String: ListeningSocket]
  ) async throws {
    let cluster = try layout.cluster()
    let superuser = "\(cluster) user=postgres"
    let isCitus = try await Migrations.isCitus(superuser)
    let applied = try await Migrations.apply(
      root: layout.root, superuser: superuser, services: DevLayout.services, citus: isCitus)
    Self.say(applied == 0 ? "schemas are up to date" : "schemas migrated: \(applied) steps")
    for name in DevLayout.services + ["gateway"] {
      for (index, process) in DevLayout.processes(of: name).enumerated() {
        await supervisor.start(
          program(process, of: name, index + 1, cluster: cluster, listeners[process]))
      }
    }
    let hangups = await UnixSignalsSequence(trapping: .sighup)
    try await cancelWhenGracefulShutdown {
      try await waitUntilReady()
      if loadsDemo {
        let demo = try Demo(layout: layout)
        try await demo.load()
        await demo.close()
      }
      announce()
      // The supervisor works on its own; what remains is to replace processes when asked to.
      for await _ in hangups { await replaceAsAsked(supervisor) }
    }
  }

  private func replaceAsAsked(_ supervisor: Supervisor) async {
    let requests = RestartRequests(directory: layout.directory)
    for service in requests.take() {
      do {
        try await supervisor.roll(service)
        requests.settle(service, failed: nil)
      } catch {
        Self.say("\(error)")
        requests.settle(service, failed: "\(error)")
      }
    }
  }

  private func stop(_ supervisor: Supervisor) async {
    Self.say("stopping")
    await supervisor.stop()
    do {
      if DevLayout.foreignCluster == nil {
        try Shell.run(
          ["scripts/postgres.sh", "stop", layout.postgres.path], in: layout.root, quiet: true)
      }
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
      let variable = "CLIENTELE_\(name.uppercased().replacing("-", with: "_"))_PORT"
      throw Stopped(
        description:
          "port \(port) for \(name) is taken: stop what uses it, or choose another with \(variable) "
          + "or --\(name)-port")
    }
  }

  /// The sockets of the services' processes, by process.
  private func listen() throws -> [String: ListeningSocket] {
    var listeners: [String: ListeningSocket] = [:]
    for service in DevLayout.services {
      let port = layout.ports[service] ?? 0
      for process in DevLayout.processes(of: service) {
        guard let listener = ListeningSocket(port: port) else {
          throw Stopped(description: "port \(port) for \(service) cannot be listened on")
        }
        listeners[process] = listener
      }
    }
    return listeners
  }

  private func program(
    _ name: String, of service: String, _ number: Int, cluster: String,
    _ listener: ListeningSocket?
  ) -> SupervisedProgram {
    SupervisedProgram(
      name: name, service: service, executable: layout.programs.appending(path: service),
      environment: layout.environment(of: service, number, cluster: cluster),
      log: layout.logs.appending(path: "\(name).log"),
      pidFile: layout.pids.appending(path: "\(name).pid"), listener: listener)
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
    var lines = [
      ("API and pages", layout.gatewayURL),
      ("API description", "\(layout.gatewayURL)/openapi.json"),
    ]
    lines += DevLayout.services.map { ($0, layout.address($0)) }
    lines += [
      (
        "gRPC certificate",
        "\(layout.directory.appending(path: "dev-client.pem").path), .key beside it"
      ),
      ("Outbox", layout.outbox.path), ("Logs", layout.logs.path),
    ]
    if loadsDemo {
      lines += [
        ("Sign in as", [Demo.administrator, Demo.employee].joined(separator: ", ")),
        ("or", Demo.otherAdministrator), ("Password", Demo.password),
      ]
    }
    let told = lines.map { name, value in
      "  \(name.padding(toLength: 18, withPad: " ", startingAt: 0))\(value)\n"
    }
    print("\nClientele is up.\n\n\(told.joined())\nCtrl-C stops everything.\n")
    fflush(nil)
  }
}
