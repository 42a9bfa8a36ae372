public import Postgres
import ServiceStorage

/// The tables of this service, as its handlers use them. Each table's file says how it is reached.
public struct ClientDirectoryStorage: Sendable {
  let database: Database
  /// First answers of calls.
  let idempotency: Idempotency

  /// - Parameter database: as the role `client_directory`, which row-level security binds.
  public init(database: Database) {
    self.database = database
    idempotency = Idempotency(database: database)
  }
}
