import CommonAPI
import Postgres
import Protobuf

/// A follower's side of the database: where it got to, and what it could not apply.
struct Inbox: Sendable {
  let source: String
  let database: Database
  let scope: @Sendable (FeedEvent) -> Scope

  private static let select = Statement<PositionRow>(
    "select transaction_id, event_id from feed_positions where source = $1")

  /// Moves on to an event, or refuses when the position is there already: the division fails, and
  /// with it everything that was to be done in the same transaction. A second process that follows
  /// waits here for the first one's commit.
  private static let advance = Statement<NoRow>(
    """
    with moved as (
      insert into feed_positions as p (source, transaction_id, event_id) values ($1, $2, $3)
      on conflict on constraint feed_positions_pkey do update
      set transaction_id = excluded.transaction_id, event_id = excluded.event_id,
        updated_at = now()
      where (p.transaction_id, p.event_id) < (excluded.transaction_id, excluded.event_id)
      returning 1
    )
    select 1 / count(*) from moved
    """, writes: true)

  private static let insertParked = Statement<NoRow>(
    """
    insert into feed_parked (source, transaction_id, event_id, kind, event, attempts, failure)
    values ($1, $2, $3, $4, $5, $6, $7)
    """)

  /// Where the follower got to.
  func position() async throws(PostgresError) -> FeedPosition {
    let rows = try await database.run(.none, Self.select(source))
    return rows.first?.position ?? .start
  }

  /// Whether an event has been dealt with, by whomever.
  func has(_ event: FeedEvent) async throws(PostgresError) -> Bool {
    let stored = try await position()
    return !stored.isBefore(event.position ?? .start)
  }

  /// Does an event's queries and moves on, or neither.
  func store(_ event: FeedEvent, _ queries: [AnyQuery]) async throws(PostgresError) {
    try await database.run(scope(event), all: [moveOn(to: event)] + queries)
  }

  /// Puts an event aside and moves on.
  func park(_ event: FeedEvent, attempts: Int, failure: String) async throws(PostgresError) {
    let position = event.position ?? .start
    let row = Self.insertParked(
      source, position.transaction, position.event, event.kind, event.serialized(), attempts,
      String(failure.prefix(1000)))
    try await database.run(.none, all: [moveOn(to: event), AnyQuery(row)])
  }

  private func moveOn(to event: FeedEvent) -> AnyQuery {
    let position = event.position ?? .start
    return AnyQuery(Self.advance(source, position.transaction, position.event))
  }

  static var statements: [any DescribedStatement] { [select, advance, insertParked] }
}

private struct PositionRow: PostgresRow {
  let position: FeedPosition

  init(from columns: inout ColumnReader) throws(PostgresError) {
    let transaction = try columns.next(TransactionID.self)
    let event = try columns.next(Int64.self)
    position = FeedPosition(
      transactionID: transaction.rawValue, eventID: UInt64(clamping: event))
  }
}
