public import CommonAPI
import FoundationEssentials
public import GRPC
public import Logging
public import Postgres

/// Follows another service's feed: applies each event and stores the position in one transaction,
/// so that an event takes effect once however often either side dies, and the events of an
/// aggregate in their order.
///
/// Any number of processes may follow with the same name: the position lets one of them through.
public struct FeedFollower: Sendable {
  /// Bounds and pauses.
  public struct Settings: Sendable, Hashable {
    /// How often an event that cannot be applied is tried before it is parked.
    public var attemptsMax = 5
    /// The first and the longest pause after a failure, each jittered by half.
    public var pauseMin: Duration = .milliseconds(100)
    public var pauseMax: Duration = .seconds(5)
    /// Events asked for at once, 1 to 500.
    public var pageSize: Int32 = 100
    /// How long a source without `WatchEvents` may keep a call waiting, at most 20 s.
    public var wait: Duration = .seconds(20)
    /// How long a source may be silent before it is given up; three of its heartbeats.
    public var silenceMax: Duration = .seconds(15)
    /// How often the position is stored while nothing of interest comes.
    public var savePause: Duration = .seconds(60)
    /// How often parked events are looked at that an operator wants tried again.
    public var retryPause: Duration = .seconds(1)
    /// How far behind it may be before an alert is raised, and how often that is looked at.
    public var lagMax: Duration = .seconds(60)
    public var lagPause: Duration = .seconds(10)
    /// For how long it must have kept up before that alert clears, so that one that comes and goes is
    /// one alert.
    public var calm: Duration = .seconds(300)

    /// The defaults.
    public init() {}
  }

  /// What an event changes: its queries.
  public typealias Apply = @Sendable (FeedEvent) async throws -> [AnyQuery]

  private let source: String
  private let feed: FeedServiceClient
  private let kinds: [String]
  let logger: Logger
  let settings: Settings
  let inbox: Inbox
  let progress: FollowerProgress

  /// - Parameters:
  ///   - source: the name the position is kept under, usually the producing service's.
  ///   - channel: the way to the producing service.
  ///   - database: where effects and position go, as the service's worker role.
  ///   - kinds: the kinds of events wanted; all when empty.
  ///   - scope: whose rows an event's queries may see and write; by default its organisation's.
  public init(
    source: String, channel: any RPCChannel, database: Database, kinds: [String] = [],
    logger: Logger, settings: Settings = Settings(),
    scope: @escaping @Sendable (FeedEvent) -> Scope = FeedFollower.organizationScope
  ) {
    self.source = source
    feed = FeedServiceClient(channel)
    self.kinds = kinds
    var logger = logger
    logger[metadataKey: "feed"] = "\(source)"
    self.logger = logger
    self.settings = settings
    inbox = Inbox(source: source, database: database, scope: scope)
    progress = FollowerProgress(source: source, silenceMax: settings.silenceMax)
  }

  /// The event's organisation, or nobody for a fact about a person.
  @Sendable public static func organizationScope(_ event: FeedEvent) -> Scope {
    UUID(uuidString: event.organizationID).map(Scope.organization) ?? .none
  }

  /// Its figures, for `/metrics`.
  public func samples() -> [MetricSample] { progress.samples() }

  /// Follows until the task is cancelled.
  ///
  /// What `apply` throws is tried again, then parked in `feed_parked` with an alert, and with it
  /// all that follows for the same aggregate; trouble with the database or another service is
  /// waited out without being counted.
  /// - Parameter apply: the queries that are an event's effect, run with the position in one
  ///   transaction. It may run more than once for an event; its queries take effect once.
  public func run(apply: @escaping Apply) async {
    progress.hear()
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await follow(apply) }
      group.addTask { await retryParked(apply) }
      group.addTask { await watchLag() }
      await group.next()
      group.cancelAll()
    }
  }

  private func follow(_ apply: Apply) async {
    var pause = Pause(settings)
    var failures = 0
    var watchesFrom = ContinuousClock.now
    while !Task.isCancelled {
      let started = ContinuousClock.now
      do {
        let place = try await inbox.place()
        try await stopping(at: place) {
          if started >= watchesFrom {
            try await watch(after: place, apply)
          } else {
            try await list(after: place, until: watchesFrom, apply)
          }
        }
        if failures > 1 { logger.info("the feed goes on") }
        failures = 0
        pause.reset()
      } catch let error as RPCError where error.code == .unimplemented && started >= watchesFrom {
        // An older process; by and by it is replaced.
        watchesFrom = .now + .seconds(60)
      } catch {
        guard !Task.isCancelled else { return }
        if progress.hasMoved(since: started) {
          failures = 0
          pause.reset()
        }
        failures += 1
        // A process that is replaced ends its streams once; that is no news.
        if failures == 2 { logger.warning("the feed waits", metadata: ["cause": "\(error)"]) }
        await pause.take()
      }
    }
  }

  /// Takes note when the source refuses a place. It may take the same place again once it has given
  /// as many ids, with other events before it: from here on only an operator has the follower go on.
  private func stopping(
    at place: FeedPosition?, _ body: () async throws -> Void
  ) async throws {
    do {
      try await body()
    } catch let error as RPCError {
      if let place, let reason = error.reason,
        ["POSITION_EXPIRED", "POSITION_AHEAD"].contains(reason)
      {
        try await inbox.stop(at: place)
        logger.error(
          "events may have been missed; see clientele alerts", metadata: ["reason": "\(reason)"])
      }
      throw error
    }
  }

  /// Follows one stream to its end.
  private func watch(after place: FeedPosition?, _ apply: Apply) async throws {
    let stream = try await feed.watchEvents(
      WatchEventsRequest(after: place, pageSize: settings.pageSize, kinds: kinds),
      options: CallOptions(timeout: .seconds(30)))
    while let message = try await next(of: stream) {
      progress.hear(held: message.heldSince?.date)
      for event in message.events { try await deliver(event, apply) }
      if message.events.isEmpty, let next = message.next,
        progress.mustSave(every: settings.savePause)
      {
        try await inbox.save(next)
      }
    }
  }

  /// The next message, unless the source is silent for too long.
  private func next(
    of stream: ResponseStream<WatchEventsResponse>
  ) async throws -> WatchEventsResponse? {
    try await withThrowingTaskGroup(of: WatchEventsResponse?.self) { group in
      group.addTask { try await stream.next() }
      group.addTask {
        try await Task.sleep(for: settings.silenceMax)
        throw RPCError(.unavailable, "the source is silent")
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  /// Follows a source that cannot watch, page by page.
  private func list(
    after place: FeedPosition?, until end: ContinuousClock.Instant, _ apply: Apply
  ) async throws {
    var position = place
    while .now < end {
      let page = try await feed.listEvents(
        ListEventsRequest(
          after: position, pageSize: settings.pageSize, wait: ProtoDuration(settings.wait),
          kinds: kinds),
        options: CallOptions(timeout: settings.wait + .seconds(5)))
      progress.hear()
      for event in page.events { try await deliver(event, apply) }
      position = page.next ?? position
      if page.events.isEmpty, let position, progress.mustSave(every: settings.savePause) {
        try await inbox.save(position)
      }
    }
  }
}

/// Ever longer pauses, jittered so that followers do not return as one.
struct Pause {
  private let settings: FeedFollower.Settings
  private var length: Duration

  init(_ settings: FeedFollower.Settings) {
    self.settings = settings
    length = settings.pauseMin
  }

  mutating func reset() { length = settings.pauseMin }

  mutating func take() async {
    try? await Task.sleep(for: length * Double.random(in: 0.5...1))
    length = min(length * 2, settings.pauseMax)
  }
}
