import CommonAPI
import FoundationEssentials
import Postgres
import Protobuf
import ServiceStorage

/// A follower's side of the database: where it got to, and what it could not apply.
struct Inbox: Table, Sendable {
  let source: String
  let database: Database
  let scope: @Sendable (FeedEvent) -> Scope

  private static let select = Statement<PositionRow>(
    "select transaction_id, event_id from feed_positions where source = $1")

  /// Moves on to an event, or refuses when the position is there already, and when an earlier event
  /// of the same aggregate is parked: the division fails, and with it everything that was to be
  /// done in the same transaction. A second process that follows waits here for the first one's
  /// commit. What is in no order has an aggregate of its own: on Citus a comparison with NULL has
  /// the whole WITH find nothing.
  private static let advance = Statement<NoRow>(
    """
    with moved as (
      insert into feed_positions as p (source, transaction_id, event_id)
      select $1, $2, $3
      where not exists (select from feed_parked where source = $1 and aggregate_id = $4)
      on conflict on constraint feed_positions_pkey do update
      set transaction_id = excluded.transaction_id, event_id = excluded.event_id,
        updated_at = excluded.updated_at
      where (p.transaction_id, p.event_id) < (excluded.transaction_id, excluded.event_id)
      returning 1
    )
    select 1 / count(*) from moved
    """, writes: true)

  /// Moves on where nothing was of interest, or was dealt with; never back.
  private static let save = Statement<NoRow>(
    """
    insert into feed_positions as p (source, transaction_id, event_id) values ($1, $2, $3)
    on conflict on constraint feed_positions_pkey do update
    set transaction_id = excluded.transaction_id, event_id = excluded.event_id,
      updated_at = excluded.updated_at
    where (p.transaction_id, p.event_id) < (excluded.transaction_id, excluded.event_id)
    """)

  private static let isStopped = Statement<Bool>(
    "select exists (select from alerts where kind = $1 and subject = $2 and cleared_at is null)")

  /// Fails where the follower stands elsewhere, since an operator decided meanwhile.
  private static let stand = Statement<NoRow>(
    """
    with held as (
      update feed_positions set event_id = event_id
      where source = $1 and transaction_id = $2 and event_id = $3
      returning 1
    )
    select 1 / count(*) from held
    """, writes: true)

  private static let hasParked = Statement<Bool>(
    "select exists (select from feed_parked where source = $1 and aggregate_id = $2)")

  private static let insertParked = Statement<NoRow>(
    """
    insert into feed_parked
      (source, transaction_id, event_id, kind, event, attempts, failure, aggregate_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    """)

  /// Where to go on; nil before the follower got anywhere.
  /// - Throws: `EventsMissed` until an operator decides; `PostgresError`.
  func place() async throws -> FeedPosition? {
    let (stopped, rows) = try await database.run(
      .none, Self.isStopped(FeedAlert.expired, source), Self.select(source))
    if stopped.first == true { throw EventsMissed() }
    return rows.first?.position
  }

  /// Has every process of this follower wait, from a place that the source refused, with an alert.
  func stop(at place: FeedPosition) async throws(PostgresError) {
    let raising = Alerts.raise(
      kind: FeedAlert.expired, subject: source,
      detail: "events of \(source) were removed before this service had applied them, or it was "
        + "restored to an earlier time: clientele feeds skip goes on with the oldest that are kept")
    try await database.run(
      .none, all: [AnyQuery(Self.stand(source, place.transaction, place.event)), raising])
  }

  /// Where the follower got to; nil before it got anywhere.
  func position() async throws(PostgresError) -> FeedPosition? {
    try await database.run(.none, Self.select(source)).first?.position
  }

  /// Whether an event has been dealt with, by whomever.
  func has(_ event: FeedEvent) async throws(PostgresError) -> Bool {
    guard let stored = try await position() else { return false }
    return !stored.isBefore(event.position ?? .start)
  }

  /// Whether an event must not be applied yet, since an earlier one of its aggregate is parked.
  func holdsBack(_ event: FeedEvent) async throws(PostgresError) -> Bool {
    try await database.run(.none, Self.hasParked(source, event.aggregate)).first ?? false
  }

  /// Does an event's queries and moves on, or neither.
  func store(_ event: FeedEvent, _ queries: [AnyQuery]) async throws(PostgresError) {
    let position = event.position ?? .start
    let move = Self.advance(source, position.transaction, position.event, event.aggregate ?? UUID())
    try await database.run(scope(event), all: [AnyQuery(move)] + queries)
  }

  /// Moves on to a position up to which all was dealt with.
  func save(_ position: FeedPosition) async throws(PostgresError) {
    try await database.run(.none, Self.save(source, position.transaction, position.event))
  }

  /// Puts an event aside, with an alert, and moves on.
  /// - Parameter attempts: 0 for an event that was not tried, but stands behind another.
  func park(_ event: FeedEvent, attempts: Int, failure: String) async throws(PostgresError) {
    let position = event.position ?? .start
    let move = Self.advance(source, position.transaction, position.event, UUID())
    let row = Self.insertParked(
      source, position.transaction, position.event, event.kind, event.serialized(), attempts,
      String(failure.prefix(1000)), event.aggregate)
    try await database.run(.none, all: [AnyQuery(move), AnyQuery(row), alert])
  }

  /// The alert for as long as something is parked.
  var alert: AnyQuery {
    Alerts.raise(
      kind: FeedAlert.parked, subject: source,
      detail: "events could not be applied: clientele feeds parked")
  }

  static var statements: [any DescribedStatement] {
    [
      select, advance, save, isStopped, stand, hasParked, insertParked, selectDue, take, isThere,
      parkAgain, count,
    ]
  }
}

/// The follower missed events, and no operator has decided yet what to do.
struct EventsMissed: Error {}

/// Kinds of alerts that followers raise; the subject is the source.
enum FeedAlert {
  static let parked = "feed.parked"
  static let behind = "feed.behind"
  static let expired = "feed.expired"
}

extension FeedEvent {
  /// What it happened to; nil, and so in no order, when the source says nothing that can be read.
  var aggregate: UUID? { UUID(uuidString: aggregateID) }
}

private struct PositionRow: PostgresRow {
  let position: FeedPosition

  init(from columns: inout ColumnReader) throws(PostgresError) {
    position = try FeedPosition(from: &columns)
  }
}
