import Feed
public import GRPC
public import Postgres

extension ServiceBinding {
  /// What messaging announces, read as the worker's role.
  public static func feed(of database: Database) -> ServiceBinding {
    .feedService(FeedServer(database: database))
  }
}
