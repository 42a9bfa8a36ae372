import ArgumentParser
import Foundation
import ServiceStorage

/// `clientele audit`: what becomes of old rows of the audit log.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Removes rows of the audit log that are older than seven years.",
    subcommands: [ExpireCommand.self])
}

/// `clientele audit expire`
struct ExpireCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "expire",
    abstract: "Removes what was sealed more than seven years ago; the seals stay.",
    discussion: "`clientele verify` knows of it. Take a backup first: what goes is gone.")

  @Flag(help: "Yes, they are to be removed.")
  var yes = false

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    guard yes else {
      throw ValidationError("rows are removed for good: say --yes if that is meant")
    }
    let horizon = AuditRetention.horizon(at: Date())
    for service in DevLayout.services {
      let count = try await database.within(service) {
        try await AuditRetention($0).expire(before: horizon)
      }
      print("\(service): \(count) rows removed")
    }
  }
}
