import ArgumentParser

/// Offers load to gRPC servers on a fixed schedule, and says how they took it.
@main
struct LoadTestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "loadtest",
    abstract: "Offers load to gRPC servers on a fixed schedule, and says how they took it.",
    discussion: "docs/load-testing.md has the scenario files and how to read the figures.",
    subcommands: [
      RunCommand.self, ReportCommand.self, CompareCommand.self, SelfCheckCommand.self,
    ],
    defaultSubcommand: RunCommand.self)
}
