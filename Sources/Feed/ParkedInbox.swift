import CommonAPI
import Postgres
import Protobuf

/// What a follower could not apply, and tries again when an operator says so.
extension Inbox {
  /// A parked event whose turn has come.
  struct Due: PostgresRow {
    let event: FeedEvent

    init(from columns: inout ColumnReader) throws(PostgresError) {
      let bytes = try columns.next([UInt8].self)
      do {
        event = try FeedEvent(serialized: bytes)
      } catch {
        throw .decoding("a parked event cannot be read: \(error)")
      }
    }
  }

  /// The first of each aggregate, if it is to be tried again or only stood behind another.
  static let selectDue = Statement<Due>(
    """
    select p.event from feed_parked p
    where p.source = $1 and (p.attempts = 0 or p.retry_at <= now())
      and not exists (
        select from feed_parked e
        where e.source = p.source and e.aggregate_id = p.aggregate_id
          and (e.transaction_id, e.event_id) < (p.transaction_id, p.event_id)
      )
    order by p.transaction_id, p.event_id limit $2
    """)

  /// Takes a parked event out, or refuses when it is gone.
  static let take = Statement<NoRow>(
    """
    with gone as (
      delete from feed_parked
      where source = $1 and transaction_id = $2 and event_id = $3
      returning 1
    )
    select 1 / count(*) from gone
    """, writes: true)

  static let isThere = Statement<Bool>(
    """
    select exists (
      select from feed_parked where source = $1 and transaction_id = $2 and event_id = $3)
    """)

  static let parkAgain = Statement<NoRow>(
    """
    update feed_parked set retry_at = null, attempts = attempts + $4, failure = $5
    where source = $1 and transaction_id = $2 and event_id = $3
    """)

  static let count = Statement<Int>(
    "select count(*) from feed_parked where source = $1")

  /// Parked events that are to be applied now, in order.
  func due(atMost limit: Int) async throws(PostgresError) -> [FeedEvent] {
    try await database.run(.none, Self.selectDue(source, limit)).map(\.event)
  }

  /// Does a parked event's queries and takes it out, or neither.
  func storeParked(_ event: FeedEvent, _ queries: [AnyQuery]) async throws(PostgresError) {
    let position = event.position ?? .start
    let gone = Self.take(source, position.transaction, position.event)
    try await database.run(scope(event), all: [AnyQuery(gone)] + queries)
  }

  /// Whether an event is parked.
  func isParked(_ event: FeedEvent) async throws(PostgresError) -> Bool {
    let position = event.position ?? .start
    return try await database.run(
      .none, Self.isThere(source, position.transaction, position.event)
    ).first ?? false
  }

  /// Puts a parked event aside once more.
  func parkAgain(_ event: FeedEvent, attempts: Int, failure: String) async throws(PostgresError) {
    let position = event.position ?? .start
    let row = Self.parkAgain(
      source, position.transaction, position.event, attempts, String(failure.prefix(1000)))
    try await database.run(.none, all: [AnyQuery(row), alert])
  }

  /// How many events are parked.
  func parkedCount() async throws(PostgresError) -> Int {
    try await database.run(.none, Self.count(source)).first ?? 0
  }
}
