public import Logging

/// A pool of connections to one database as one role.
///
/// One thread of its own polls them all, in pipeline mode: a call's prologue, statements and Sync are
/// queued together and make one round trip.
public final class Database: Sendable {
  let settings: DatabaseSettings
  let logger: Logger

  /// Makes a pool that is not running yet.
  public init(settings: DatabaseSettings, logger: Logger) {
    self.settings = settings
    self.logger = logger
  }

  /// Starts the thread and the first connections; an absent database is tried again until it is
  /// there, so this does not fail on one.
  /// - Throws: `PostgresError.unavailable` when the connection string is malformed or there are no
  ///   file descriptors.
  public func start() throws(PostgresError) {
  }

  /// Lets what is in flight finish, refuses the rest, closes every connection.
  public func close() async {
  }

  /// Runs queries in one implicit transaction and one round trip: all of them or none.
  ///
  /// It returns only once the pipeline's Sync was read, since a deferred constraint may still refuse
  /// after a statement's own success.
  /// - Parameters:
  ///   - scope: whose rows the queries may see and write.
  ///   - deadline: when to give up; nil means `settings.callTimeout` from now.
  /// - Returns: each query's rows, in order; a query of `NoRow` answers one per affected row.
  public func run<each Row: PostgresRow>(
    _ scope: Scope, deadline: ContinuousClock.Instant? = nil, _ query: repeat Query<each Row>
  ) async throws(PostgresError) -> (repeat [each Row]) {
    throw .unavailable("not written yet")
  }

  /// The same for a list whose length is known only at run time.
  /// - Returns: how many rows each query affected or answered.
  @discardableResult
  public func run(
    _ scope: Scope, deadline: ContinuousClock.Instant? = nil, all queries: [AnyQuery]
  ) async throws(PostgresError) -> [Int] {
    throw .unavailable("not written yet")
  }

  /// Runs an interactive transaction on a connection of its own, for what needs an answer before it
  /// can ask on. No remote call belongs inside.
  ///
  /// Serialization failures and deadlocks run `body` again, three times at most, so it must have no
  /// effect outside the database.
  public func transaction<Result: Sendable>(
    _ scope: Scope, deadline: ContinuousClock.Instant? = nil,
    _ body: @Sendable (Transaction) async throws -> Result
  ) async throws -> Result {
    throw PostgresError.unavailable("not written yet")
  }

  /// Payloads of `NOTIFY channel`, from a connection that all channels share. An empty payload is
  /// also sent when that connection was made anew, since something may have been missed meanwhile.
  /// - Parameter channel: letters, digits and underscores, at most 63.
  public func notifications(channel: String) -> AsyncStream<String> {
    AsyncStream { $0.finish() }
  }

  /// Whether a connection is up: what readiness asks.
  public var isAvailable: Bool { false }
}

/// An open transaction; see `Database.transaction`.
public struct Transaction: Sendable {
  /// Runs queries in one round trip. A refusal dooms the transaction.
  public func run<each Row: PostgresRow>(
    _ query: repeat Query<each Row>
  ) async throws(PostgresError) -> (repeat [each Row]) {
    throw .unavailable("not written yet")
  }

  /// The same for a list whose length is known only at run time.
  @discardableResult
  public func run(all queries: [AnyQuery]) async throws(PostgresError) -> [Int] {
    throw .unavailable("not written yet")
  }
}
