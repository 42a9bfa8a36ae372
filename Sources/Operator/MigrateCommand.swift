import ArgumentParser
import Foundation
import Postgres

/// `clientele migrate`: makes roles and schemas, and applies what is pending.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Brings the database's schemas up to date; forward only.")

  @Option(
    help: """
      libpq connection string of a superuser, without dbname. Default: CLIENTELE_SUPERUSER, else the \
      cluster of `make run`.
      """)
  var superuser: String?

  @Option(help: "Folder that holds services/*/migrations.")
  var root = "."

  @Flag(help: "Say what is applied and what is pending; change nothing but what is missing to ask.")
  var status = false

  @Flag(
    help: """
      Then distribute the tables by organisation over a Citus cluster; needed at each migration \
      of one.
      """)
  var citus = false

  @Flag(
    help: """
      With --citus: print the commands that would distribute the tables, on any PostgreSQL that is \
      migrated, and change nothing.
      """)
  var print = false

  func validate() throws {
    if print, !citus { throw ValidationError("--print goes with --citus") }
    if status, citus { throw ValidationError("--status and --citus are two things") }
  }

  func run() async throws {
    let folder = URL(fileURLWithPath: root)
    let superuser = try self.superuser ?? Self.standard(folder)
    if status {
      try await tell(folder, superuser)
      return
    }
    let cluster = Migrations.citus(superuser)
    if print {
      for command in try await cluster.script() { Swift.print("\(command);") }
      return
    }
    if citus {
      try await cluster.check()
    } else if try await Migrations.isCitus(superuser) {
      throw ValidationError("the database is on a Citus cluster: add --citus")
    }
    let applied = try await Migrations.apply(
      root: folder, superuser: superuser, services: DevLayout.services, citus: citus
    ) { command in
      // Whole commands are what `--print` is for.
      Swift.print(command.prefix { $0 != "\n" })
    }
    Swift.print(applied == 0 ? "up to date" : "\(applied) migrations applied")
  }

  private func tell(_ folder: URL, _ superuser: String) async throws {
    for service in DevLayout.services {
      for step in try await Migrations.migrator(folder, superuser, service).status() {
        Swift.print("\(step.state == .applied ? "applied" : "pending")  \(service)/\(step.name)")
      }
    }
  }

  static func standard(_ folder: URL) throws -> String {
    if let named = ProcessInfo.processInfo.environment["CLIENTELE_SUPERUSER"] { return named }
    return Migrations.superuser(
      socket: try DevLayout.socket(of: folder.appending(path: ".run/postgres"), root: folder))
  }
}
