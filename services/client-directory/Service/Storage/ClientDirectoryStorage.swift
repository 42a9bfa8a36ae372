public import Postgres
import ServiceStorage

/// The tables of this service, as its handlers use them. Each table's file says how it is reached.
public struct ClientDirectoryStorage: Sendable {
  /// The newest migration when this was written: on an older schema the service does not work.
  public static let schemaVersion = 30

  let database: Database
  /// First answers of calls.
  let idempotency: Idempotency

  /// - Parameter database: as the role `client_directory`, which row-level security binds.
  public init(database: Database) {
    self.database = database
    idempotency = Idempotency(database: database)
  }
}
