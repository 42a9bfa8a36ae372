import ArgumentParser
import Foundation
import Postgres

/// Which database a command looks into, and how.
struct ServiceDatabase: ParsableArguments {
  @Option(
    help: """
      libpq connection string of a superuser, without dbname. Default: CLIENTELE_SUPERUSER, else the \
      cluster of `make run`.
      """)
  var superuser: String?

  /// A libpq connection string of the superuser.
  func connection() throws -> String {
    let superuser = try superuser ?? MigrateCommand.standard(URL(fileURLWithPath: "."))
    return "\(superuser) dbname=clientele"
  }

  /// Runs something as the superuser within one service's schema.
  func within<Result: Sendable>(
    _ service: String, _ body: (Database) async throws -> Result
  ) async throws -> Result {
    let path = "options='-c search_path=\(Migrations.schema(service))'"
    var settings = DatabaseSettings(connection: "\(try connection()) \(path)")
    settings.connectionsMax = 1
    let database = Database(settings: settings, logger: CertificateOptions.quiet)
    try database.start()
    do {
      let result = try await body(database)
      await database.close()
      return result
    } catch {
      await database.close()
      throw error
    }
  }

  /// The services to look into: the one named, or all.
  /// - Throws: `ValidationError` for a name that is none.
  static func services(_ name: String?) throws -> [String] {
    guard let name else { return DevLayout.services }
    guard DevLayout.services.contains(name) else {
      throw ValidationError("\(name) is none of \(DevLayout.services.joined(separator: ", "))")
    }
    return [name]
  }
}
