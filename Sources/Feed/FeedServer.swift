public import CommonAPI
public import GRPC
public import Postgres
public import ServiceKit

/// Serves a service's feed to its followers.
///
/// It shows only what transactions below the oldest one still running wrote: an earlier position
/// can then never appear later. An open writing transaction anywhere in the cluster thus holds
/// every feed back until it ends.
public struct FeedServer: FeedServiceProtocol {
  /// Bounds and pauses.
  public struct Settings: Sendable, Hashable {
    /// How many days events are kept, 7 to 3650.
    public var retentionDays = 30
    /// The longest a watcher hears nothing.
    public var heartbeat: Duration = .seconds(5)
    /// How old the oldest running transaction may become before an alert is raised, and how often
    /// that is looked at.
    public var horizonAgeMax: Duration = .seconds(300)
    public var horizonPause: Duration = .seconds(10)

    /// The defaults.
    public init() {}
  }

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

  /// The same for streams, which are to end well also on a busy machine.
  static let endMargin: Duration = .seconds(2)

  private let pages: FeedPages
  private let bell: Bell
  private let settings: Settings
  private let sweep: EventSweep
  private let horizon: HorizonWatch

  /// - Parameter database: a pool as the service's worker role, the only one that may read
  ///   `events`.
  public init(database: Database, settings: Settings = Settings()) {
    pages = FeedPages(database: database)
    bell = Bell(database: database)
    self.settings = settings
    sweep = EventSweep(worker: database, days: settings.retentionDays)
    horizon = HorizonWatch(worker: database, settings: settings)
  }

  /// What runs beside the calls: old events go, and an old transaction is told of.
  public var background: [BackgroundTask] { [sweep.task, horizon.task] }

  /// Its figures, for `/metrics`.
  public func samples() -> [MetricSample] { horizon.samples() }

  /// Events after a position, oldest first; see the proto.
  public func listEvents(
    _ request: ListEventsRequest, in call: CallContext
  ) async throws -> ListEventsResponse {
    let page = try PageRequest(request)
    let margin = max(.zero, call.deadline.remaining - Self.answerMargin)
    let end = ContinuousClock.now + min(page.wait, margin)
    guard page.wait > .zero, !bell.isSilenced else { return try await list(page) }
    let (id, rings) = bell.join()
    defer { bell.leave(id) }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [bell] in try await bell.ring(id, until: end) }
      defer { group.cancelAll() }
      var answer = try await list(page)
      guard answer.events.isEmpty else { return answer }
      for await _ in rings {
        answer = try await list(page)
        if !answer.events.isEmpty || .now >= end || bell.isSilenced { break }
      }
      return answer
    }
  }

  /// Events after a position, then each as it comes; see the proto. A watcher that takes nothing
  /// holds no connection to the database.
  public func watchEvents(
    _ request: WatchEventsRequest, to responses: MessageWriter<WatchEventsResponse>,
    in call: CallContext
  ) async throws {
    var page = try PageRequest(request)
    let end = ContinuousClock.now + max(.zero, call.deadline.remaining - Self.endMargin)
    let (id, rings) = bell.join()
    defer { bell.leave(id) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [bell] in try await bell.ring(id, until: end) }
      defer { group.cancelAll() }
      var ringing = rings.makeAsyncIterator()
      var told: ContinuousClock.Instant?
      while ContinuousClock.now < end {
        try Task.checkCancellation()
        if bell.isSilenced { throw Self.draining }
        let read = try await pages.read(page)
        page.after = read.next
        if !read.events.isEmpty || told.map({ $0 + settings.heartbeat <= .now }) ?? true {
          let isAll = read.events.count < page.size
          let held = read.events.isEmpty ? try await pages.heldSince(page) : nil
          try await responses.write(
            WatchEventsResponse(
              events: read.events, next: read.next, caughtUp: isAll,
              heldSince: held.map { Timestamp($0) }))
          told = .now
        }
        if read.events.count < page.size { await ringing.next() }
      }
    }
  }

  /// Has calls that wait for news answer now, and none wait from here on: the process is about to
  /// stop, and its followers are to ask another one.
  public func stopWaiting() { bell.silence() }

  private static let draining = RPCError(
    .unavailable, reason: "FEED_DRAINING", "this process stops: ask another")

  private func list(_ page: PageRequest) async throws -> ListEventsResponse {
    let read = try await pages.read(page)
    // With all kinds nothing lies between: what follows is the last event.
    let next = page.kinds.isEmpty ? read.events.last?.position ?? page.after : read.next
    return ListEventsResponse(events: read.events, next: next)
  }
}

extension Rig {
  /// The service's feed, with events kept for `CLIENTELE_EVENT_DAYS`.
  /// - Parameter worker: connected as the service's worker role.
  /// - Throws: `ServiceSettings.Invalid` for a setting out of range.
  public mutating func feed(worker: Database) throws -> FeedServer {
    var bounds = FeedServer.Settings()
    bounds.retentionDays = settings.int(
      "CLIENTELE_EVENT_DAYS", default: bounds.retentionDays, in: 7...3650)
    try settings.check()
    return FeedServer(database: worker, settings: bounds)
  }
}
