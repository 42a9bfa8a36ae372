import ArgumentParser
import Foundation
import ServiceStorage

/// `clientele alerts`: what the services want an operator to see.
struct AlertsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alerts", abstract: "Lists and clears what the services want an operator to see.",
    subcommands: [ListAlerts.self, ClearAlert.self], defaultSubcommand: ListAlerts.self)
}

/// `clientele alerts list`
struct ListAlerts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the open alerts; exits with 1 when there are any.")

  @Option(help: "Only this service's.")
  var service: String?

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    var count = 0
    for service in try ServiceDatabase.services(service) {
      for alert in try await database.within(service, { try await Alerts(database: $0).open() }) {
        count += 1
        let since = alert.raisedAt.formatted(.iso8601)
        print("\(service)  \(alert.kind)  \(alert.subject)  since \(since)\n  \(alert.detail)")
      }
    }
    guard count > 0 else {
      print("no alerts")
      return
    }
    throw ExitCode.failure
  }
}

/// `clientele alerts clear`
struct ClearAlert: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clear", abstract: "Clears an alert; it comes back when its cause does.")

  @Argument(help: "The service, such as identity.")
  var service: String

  @Argument(help: "The alert's kind, such as feed.parked.")
  var kind: String

  @Argument(help: "What it is about, as listed.")
  var subject: String

  @OptionGroup var database: ServiceDatabase

  func run() async throws {
    guard let name = try ServiceDatabase.services(service).first else { return }
    let wasOpen = try await database.within(name) {
      try await Alerts(database: $0).clear(kind: kind, subject: subject)
    }
    print(wasOpen ? "cleared" : "no such alert is open")
    if !wasOpen { throw ExitCode.failure }
  }
}
