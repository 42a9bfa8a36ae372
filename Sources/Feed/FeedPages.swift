import CommonAPI
import FoundationEssentials
import GRPC
import Postgres

/// Reads pages of a service's events.
struct FeedPages: Table, Sendable {
  let database: Database

  /// Events after a position, and how far the page reaches.
  struct Page: Sendable {
    let events: [FeedEvent]
    let next: FeedPosition
  }

  /// One row at least, so that an empty page has its horizon and the feed's last event too.
  private static let select = Statement<FeedRow>(
    """
    select h.horizon, w.transaction_id, w.event_id, l.transaction_id, l.event_id,
      e.transaction_id, e.event_id,
      e.organization_id, e.kind, e.aggregate_id, e.created_at, e.payload
    from (select pg_snapshot_xmin(pg_current_snapshot()) as horizon) h
    cross join feed_low_water w
    left join lateral (
      select transaction_id, event_id from events where transaction_id < h.horizon
      order by transaction_id desc, event_id desc limit 1
    ) l on true
    left join lateral (
      select * from events
      where (transaction_id, event_id) > ($1, $2) and transaction_id < h.horizon
        and (cardinality($3::text[]) = 0 or kind = any ($3))
      order by transaction_id, event_id limit $4
    ) e on true
    order by e.transaction_id, e.event_id
    """)

  /// The events that are there already and that no follower is shown yet are few: those since the
  /// oldest open transaction began. The first of them by the order of the feed is old enough.
  private static let held = Statement<Date>(
    """
    select created_at from events
    where transaction_id >= pg_snapshot_xmin(pg_current_snapshot())
      and (cardinality($1::text[]) = 0 or kind = any ($1))
    order by transaction_id, event_id limit 1
    """)

  static var statements: [any DescribedStatement] { [select, held] }

  /// When the first event was announced that waits for an open transaction; nil while none waits.
  func heldSince(_ page: PageRequest) async throws(PostgresError) -> Date? {
    try await database.run(.none, Self.held(page.kinds)).first
  }

  /// - Throws: `RPCError` FAILED_PRECONDITION/POSITION_EXPIRED or POSITION_AHEAD; `PostgresError`.
  func read(_ page: PageRequest) async throws -> Page {
    let after = page.after ?? .start
    let rows = try await database.run(
      .none, Self.select(after.transaction, after.event, page.kinds, page.size))
    guard let first = rows.first else { throw RPCError(.internalError, "no low-water mark") }
    if let stored = page.after, stored.isBefore(first.lowWater) {
      throw RPCError(
        .failedPrecondition, reason: "POSITION_EXPIRED",
        "events after this position are no longer kept")
    }
    if let stored = page.after, stored.transaction >= first.horizon {
      throw RPCError(
        .failedPrecondition, reason: "POSITION_AHEAD",
        "the feed does not reach this position, as after a restore: events may have been missed")
    }
    let events = rows.compactMap(\.event)
    // Who has no position yet stands where the feed begins.
    var next = events.last?.position ?? page.after ?? first.lowWater
    // What lies between and is of other kinds need not be read again. Never further than an event
    // that is there: an id whose transaction left nothing behind may be given again after a crash.
    if events.count < page.size, let last = first.last, next.isBefore(last) { next = last }
    return Page(events: events, next: next)
  }
}

/// A request whose fields are in range.
struct PageRequest: Sendable {
  /// Nil: from the oldest event that is kept.
  var after: FeedPosition?
  let size: Int
  let wait: Duration
  let kinds: [String]

  init(_ request: ListEventsRequest) throws {
    try self.init(
      after: request.after, size: request.pageSize, wait: request.wait?.duration ?? .zero,
      kinds: request.kinds)
  }

  init(_ request: WatchEventsRequest) throws {
    try self.init(
      after: request.after, size: request.pageSize, wait: .zero, kinds: request.kinds)
  }

  private init(after: FeedPosition?, size: Int32, wait: Duration, kinds: [String]) throws {
    var violations: [FieldViolation] = []
    if !(0...FeedServer.pageSizeMax).contains(Int(size)) {
      violations.append(
        FieldViolation(field: "page_size", description: "is 0 to \(FeedServer.pageSizeMax)"))
    }
    if wait < .zero || wait > FeedServer.waitMax {
      violations.append(FieldViolation(field: "wait", description: "is at most 20 s"))
    }
    if kinds.count > FeedServer.kindsMax {
      violations.append(
        FieldViolation(field: "kinds", description: "are at most \(FeedServer.kindsMax)"))
    }
    guard violations.isEmpty else {
      throw RPCError(
        .invalidArgument, reason: "INVALID_REQUEST", "fields out of range", violations: violations)
    }
    self.after = after
    self.size = size == 0 ? FeedServer.pageSizeStandard : Int(size)
    self.wait = wait
    self.kinds = kinds
  }
}

private struct FeedRow: PostgresRow {
  let horizon: TransactionID
  let lowWater: FeedPosition
  /// The last event of any kind.
  let last: FeedPosition?
  let event: FeedEvent?

  init(from columns: inout ColumnReader) throws(PostgresError) {
    horizon = try columns.next()
    lowWater = try FeedPosition(from: &columns)
    last = try FeedPosition(ifAny: &columns)
    let transaction = try columns.next(TransactionID?.self)
    let number = try columns.next(Int64?.self)
    let organization = try columns.next(UUID?.self)
    let kind = try columns.next(String?.self)
    let aggregate = try columns.next(UUID?.self)
    let created = try columns.next(Date?.self)
    let payload = try columns.next([UInt8]?.self)
    guard let transaction, let number, let kind, let aggregate, let created, let payload else {
      event = nil
      return
    }
    event = FeedEvent(
      position: FeedPosition(
        transactionID: transaction.rawValue, eventID: UInt64(clamping: number)),
      organizationID: organization?.uuidString.lowercased() ?? "", kind: kind,
      aggregateID: aggregate.uuidString.lowercased(), createTime: Timestamp(created),
      payload: payload)
  }
}
