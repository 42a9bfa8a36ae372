import ArgumentParser
import Foundation
import IdentityCore

/// `clientele seed`: fills a migrated database with people to try things with.
struct SeedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seed",
    abstract: "Fills a migrated database with organisations and clients that look real.",
    discussion: """
      Names, addresses and households of Belgium and Quebec in French, Dutch and English, with \
      branches, employees, labels, accounts, invitations and the mails that brought them. \
      Addresses end in .example. Nobody is told: seeded rows make no events and send no mail. The \
      same --seed makes the same rows.
      """)

  @Option(help: "How many organisations.")
  var organizations = 2

  @Option(help: "How many clients in all.")
  var clients = 2000

  @Option(help: "Another number makes other people.")
  var seed: UInt64 = 1

  @Option(help: "Everybody's password, at least 8 bytes.")
  var password = "clientele-demo-password"

  @Option(help: "File of the key that identity mixes passwords with.")
  var pepper = ".run/keys/pepper-1.key"

  @Option(
    help: """
      libpq connection string without user; the services' roles are used. Default: the cluster of \
      `make run`.
      """)
  var database: String?

  func validate() throws {
    guard (1...1000).contains(organizations) else {
      throw ValidationError("--organizations must be 1 to 1000")
    }
    guard (organizations...10_000_000).contains(clients) else {
      throw ValidationError("--clients must be one an organisation to 10000000 in all")
    }
  }

  func run() async throws {
    let stored = try PasswordHasher.hash(seeding: password, pepperFile: pepper)
    let progress = SeedProgress(total: clients)
    let summary = try await SeedRun(
      connection: try database ?? Self.standard(), organizations: organizations, clients: clients,
      seed: seed,
      password: SeedPassword(text: password, hash: stored.phc, pepperKeyID: stored.pepperKeyID)
    ).run { progress.tell($0) }
    tell(summary)
  }

  private static func standard() throws -> String {
    let root = URL(fileURLWithPath: ".")
    let socket = try DevLayout.socket(of: root.appending(path: ".run/postgres"), root: root)
    return "host=\(socket) dbname=clientele"
  }

  private func tell(_ summary: SeedSummary) {
    let seconds = max(0.001, summary.elapsed / .seconds(1))
    let bytes = (summary.bytes.after - summary.bytes.before) / max(1, summary.clients)
    print(
      """
      \(summary.clients) clients in \(summary.organizations.count) organisations, \
      \(summary.accounts) accounts, in \(Int(seconds)) s: \
      \(Int(Double(summary.clients) / seconds)) clients a second, \(bytes) bytes a client on disk.
      No events were written: followers, feeds and mail have nothing to do.
      Everybody's password is "\(password)". Administrators to sign in as:
      """)
    for organization in summary.organizations.prefix(20) {
      let email = organization.employees.first?.account.loginEmail ?? ""
      print("  \(email)  (\(organization.name))")
    }
  }
}
