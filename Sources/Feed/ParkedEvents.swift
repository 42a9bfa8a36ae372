public import CommonAPI
public import Foundation
public import Postgres

/// An operator's view of what the followers of a service could not apply.
public struct ParkedEvents: Table, Sendable {
  /// A parked event, without its payload.
  public struct Row: PostgresRow, Sendable, Hashable {
    /// Whose feed it came from.
    public let source: String
    /// Its position as people write it, such as `7012/58`.
    public let position: String
    /// What happened.
    public let kind: String
    /// What it happened to; nil for events parked by older processes.
    public let aggregate: UUID?
    /// How often it was tried; 0 when it only stands behind another of its aggregate.
    public let attempts: Int
    /// Why it could not be applied the last time.
    public let failure: String
    /// Since when.
    public let parkedAt: Date
    /// Whether it is to be tried again.
    public let isMarked: Bool

    public init(from columns: inout ColumnReader) throws(PostgresError) {
      source = try columns.next()
      position = try FeedPosition(from: &columns).text
      kind = try columns.next()
      aggregate = try columns.next()
      attempts = try columns.next()
      failure = try columns.next()
      parkedAt = try columns.next()
      isMarked = try columns.next()
    }
  }

  private static let select = Statement<Row>(
    """
    select source, transaction_id, event_id, kind, aggregate_id, attempts, failure, parked_at,
      retry_at is not null
    from feed_parked order by source, transaction_id, event_id limit $1
    """)
  private static let mark = Statement<NoRow>(
    """
    update feed_parked set retry_at = now()
    where source = $1 and ($2 or (transaction_id = $3 and event_id = $4))
    """)
  private static let delete = Statement<NoRow>(
    """
    delete from feed_parked
    where source = $1 and ($2 or (transaction_id = $3 and event_id = $4))
    """)
  private static let skip = Statement<NoRow>(
    """
    delete from feed_positions where source = $1 and exists (
      select from alerts where kind = $2 and subject = $1 and cleared_at is null)
    """)
  private static let clear = Statement<NoRow>(
    """
    update alerts set cleared_at = now()
    where kind = $2 and subject = $1 and cleared_at is null
    """)

  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [select, mark, delete, skip, clear] }

  private let database: Database

  /// - Parameter database: connected as one who may change the service's tables.
  public init(database: Database) { self.database = database }

  /// What is parked, in the order of the feeds.
  public func list(limit: Int = 1000) async throws(PostgresError) -> [Row] {
    try await database.run(.none, Self.select(limit))
  }

  /// Has the service try events again, in order, and answers how many.
  /// - Parameter position: nil for all of a source.
  public func retry(_ source: String, at position: FeedPosition?) async throws(PostgresError) -> Int
  {
    try await database.run(
      .none,
      Self.mark(
        source, position == nil, position?.transaction ?? .zero, position?.event ?? 0)
    ).count
  }

  /// Forgets events: they never take effect. Answers how many.
  /// - Parameter position: nil for all of a source.
  public func drop(_ source: String, at position: FeedPosition?) async throws(PostgresError) -> Int
  {
    try await database.run(
      .none,
      Self.delete(
        source, position == nil, position?.transaction ?? .zero, position?.event ?? 0)
    ).count
  }

  /// Has a follower go on at the oldest event that its source still has, without those that were
  /// removed. Only one that was told that its position expired: another would apply events again.
  /// - Returns: whether there was such a follower.
  public func skip(_ source: String) async throws(PostgresError) -> Bool {
    let (gone, _) = try await database.run(
      .none, Self.skip(source, FeedAlert.expired), Self.clear(source, FeedAlert.expired))
    return !gone.isEmpty
  }
}

extension TransactionID {
  fileprivate static var zero: TransactionID { TransactionID(0) }
}

extension FeedPosition {
  /// Reads a position as people write it, such as `7012/58`; nil for anything else.
  public static func parse(_ text: String) -> FeedPosition? { FeedPosition(text) }
}
