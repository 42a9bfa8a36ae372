public import CommonAPI
import FoundationEssentials
public import GRPC
public import Postgres

/// Serves a service's feed to its followers.
///
/// It shows only what transactions below the oldest one still running wrote: an earlier position
/// can then never appear later. An open writing transaction anywhere in the cluster thus holds
/// every feed back until it ends.
public struct FeedServer: FeedServiceProtocol {
  /// The longest a call may wait for news.
  public static let waitMax: Duration = .seconds(20)
  /// Most events in one answer, and how many when the caller does not say.
  public static let pageSizeMax = 500
  static let pageSizeStandard = 100
  static let kindsMax = 32
  /// How often a waiting call looks even though nothing woke it.
  static let pollInterval: Duration = .seconds(1)
  /// Time kept back from the call's deadline for the answer to get there.
  static let answerMargin: Duration = .milliseconds(250)

  private let database: Database
  private let bell: Bell

  /// - Parameter database: a pool as the service's worker role, the only one that may read
  ///   `events`.
  public init(database: Database) {
    self.database = database
    bell = Bell(database: database)
  }

  /// Events after a position, oldest first; see the proto.
  public func listEvents(
    _ request: ListEventsRequest, in call: CallContext
  ) async throws -> ListEventsResponse {
    let page = try Page(request)
    let margin = max(.zero, call.deadline.remaining - Self.answerMargin)
    let end = ContinuousClock.now + min(page.wait, margin)
    guard page.wait > .zero, !bell.isSilenced else { return try await read(page) }
    let (id, rings) = bell.join()
    defer { bell.leave(id) }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [bell] in try await bell.ring(id, until: end) }
      defer { group.cancelAll() }
      var answer = try await read(page)
      guard answer.events.isEmpty else { return answer }
      for await _ in rings {
        answer = try await read(page)
        if !answer.events.isEmpty || .now >= end || bell.isSilenced { break }
      }
      return answer
    }
  }

  /// Has calls that wait for news answer now, and none wait from here on: the process is about to
  /// stop, and its followers are to ask another one.
  public func stopWaiting() { bell.silence() }

  private func read(_ page: Page) async throws -> ListEventsResponse {
    let rows = try await database.run(
      .none,
      Self.select(page.after.transaction, page.after.event, page.kinds, page.size))
    let events = rows.compactMap(\.event)
    var next = events.last?.position ?? page.after
    // What lies between and is of other kinds need not be read again.
    if !page.kinds.isEmpty, events.count < page.size, let horizon = rows.first?.horizon {
      let end = FeedPosition.end(before: horizon)
      if next.isBefore(end) { next = end }
    }
    return ListEventsResponse(events: events, next: next)
  }

  /// One row at least, so that an empty page has its horizon too.
  private static let select = Statement<FeedRow>(
    """
    select h.horizon, e.transaction_id, e.event_id, e.organization_id, e.kind, e.aggregate_id,
      e.created_at, e.payload
    from (select pg_snapshot_xmin(pg_current_snapshot()) as horizon) h
    left join lateral (
      select * from events
      where (transaction_id, event_id) > ($1, $2) and transaction_id < h.horizon
        and (cardinality($3::text[]) = 0 or kind = any ($3))
      order by transaction_id, event_id limit $4
    ) e on true
    order by e.transaction_id, e.event_id
    """)

  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [select] }
}

/// A request whose fields are in range.
private struct Page {
  let after: FeedPosition
  let size: Int
  let wait: Duration
  let kinds: [String]

  init(_ request: ListEventsRequest) throws {
    var violations: [FieldViolation] = []
    let wait = request.wait?.duration ?? .zero
    if !(0...FeedServer.pageSizeMax).contains(Int(request.pageSize)) {
      violations.append(
        FieldViolation(field: "page_size", description: "is 0 to \(FeedServer.pageSizeMax)"))
    }
    if wait < .zero || wait > FeedServer.waitMax {
      violations.append(FieldViolation(field: "wait", description: "is at most 20 s"))
    }
    if request.kinds.count > FeedServer.kindsMax {
      violations.append(
        FieldViolation(field: "kinds", description: "are at most \(FeedServer.kindsMax)"))
    }
    guard violations.isEmpty else {
      throw RPCError(
        .invalidArgument, reason: "INVALID_REQUEST", "fields out of range", violations: violations)
    }
    after = request.after ?? .start
    size = request.pageSize == 0 ? FeedServer.pageSizeStandard : Int(request.pageSize)
    self.wait = wait
    kinds = request.kinds
  }
}

private struct FeedRow: PostgresRow {
  let horizon: TransactionID
  let event: FeedEvent?

  init(from columns: inout ColumnReader) throws(PostgresError) {
    horizon = try columns.next()
    guard let transaction = try columns.next(TransactionID?.self) else {
      event = nil
      return
    }
    let number = try columns.next(Int64.self)
    let organization = try columns.next(UUID?.self)
    let kind = try columns.next(String.self)
    let aggregate = try columns.next(UUID.self)
    let created = try columns.next(Date.self)
    event = FeedEvent(
      position: FeedPosition(
        transactionID: transaction.rawValue, eventID: UInt64(clamping: number)),
      organizationID: organization?.uuidString.lowercased() ?? "", kind: kind,
      aggregateID: aggregate.uuidString.lowercased(), createTime: Timestamp(created),
      payload: try columns.next([UInt8].self))
  }
}
