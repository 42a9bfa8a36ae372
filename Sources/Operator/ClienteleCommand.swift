import ArgumentParser

/// The operator's command line.
@main
struct ClienteleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clientele",
    abstract: "Runs, migrates, examines and calls Clientele's services.",
    subcommands: [
      DevCommand.self, MigrateCommand.self, DoctorCommand.self, HealthCommand.self,
      CallCommand.self, ListCommand.self, RestartCommand.self, AlertsCommand.self,
      FeedsCommand.self, SeedCommand.self, BackupCommand.self, RestoreCommand.self,
      VerifyCommand.self, JobsCommand.self, KeysCommand.self, AuditCommand.self,
    ])
}
