public import Postgres
import ServiceStorage

/// The tables of this service, as its handlers use them.
public struct ClientDirectoryStorage: Sendable {
  let clients: Clients
  let jobs: InvitationJobs

  /// - Parameter database: as the role `client_directory`, which row-level security binds.
  public init(database: Database) {
    clients = Clients(database: database, idempotency: Idempotency(database: database))
    jobs = InvitationJobs(database: database)
  }
}
