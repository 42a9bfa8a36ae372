public import CommonAPI
import FoundationEssentials
public import GRPC
public import Logging
public import Postgres

/// Follows another service's feed: applies each event and stores the position in one transaction,
/// so that an event takes effect once however often either side dies.
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
    /// How long the source may keep a call waiting, at most 20 s.
    public var wait: Duration = .seconds(20)

    /// The defaults.
    public init() {}
  }

  private let source: String
  private let feed: FeedServiceClient
  private let kinds: [String]
  private let logger: Logger
  private let settings: Settings
  private let inbox: Inbox

  /// - Parameters:
  ///   - source: the name the position is kept under, usually the producing service's.
  ///   - channel: the way to the producing service.
  ///   - database: where effects and position go, as the service's own role.
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
  }

  /// The event's organisation, or nobody for a fact about a person.
  @Sendable public static func organizationScope(_ event: FeedEvent) -> Scope {
    UUID(uuidString: event.organizationID).map(Scope.organization) ?? .none
  }

  /// Follows until the task is cancelled.
  ///
  /// What `apply` throws is tried again, then parked in `feed_parked` with a line in the log;
  /// trouble with the database or another service is waited out without being counted.
  /// - Parameter apply: the queries that are an event's effect, run with the position in one
  ///   transaction. It may run more than once for an event; its queries take effect once.
  public func run(apply: @Sendable (FeedEvent) async throws -> [AnyQuery]) async {
    var pause = Pause(settings)
    var after: FeedPosition?
    var isAway = false
    while !Task.isCancelled {
      do {
        let position: FeedPosition
        if let after { position = after } else { position = try await inbox.position() }
        let page = try await feed.listEvents(
          ListEventsRequest(
            after: position, pageSize: settings.pageSize, wait: ProtoDuration(settings.wait),
            kinds: kinds),
          options: CallOptions(timeout: settings.wait + .seconds(5)))
        for event in page.events { try await deliver(event, apply) }
        after = page.next ?? position
        if isAway { logger.info("the feed is back") }
        isAway = false
        pause.reset()
      } catch {
        guard !Task.isCancelled else { return }
        if !isAway { logger.warning("the feed is away", metadata: ["cause": "\(error)"]) }
        isAway = true
        // Where it stands is asked anew: another process may have gone on meanwhile.
        after = nil
        await pause.take()
      }
    }
  }

  /// Applies an event, once.
  /// - Throws: only what is no fault of the event.
  private func deliver(
    _ event: FeedEvent, _ apply: @Sendable (FeedEvent) async throws -> [AnyQuery]
  ) async throws {
    var pause = Pause(settings)
    var attempt = 1
    while true {
      try Task.checkCancellation()
      do {
        let queries = try await apply(event)
        try await inbox.store(event, queries)
        return
      } catch {
        if try await inbox.has(event) { return }
        guard Self.isFault(error) else { throw error }
        logger.warning(
          "an event could not be applied",
          metadata: ["kind": "\(event.kind)", "attempt": "\(attempt)", "cause": "\(error)"])
        guard attempt < settings.attemptsMax else {
          try await inbox.park(event, attempts: attempt, failure: "\(error)")
          logger.error(
            "an event was parked",
            metadata: ["kind": "\(event.kind)", "aggregate": "\(event.aggregateID)"])
          return
        }
        attempt += 1
        await pause.take()
      }
    }
  }

  /// Whether a failure is the event's own and not trouble that passes.
  private static func isFault(_ error: any Error) -> Bool {
    switch error {
    case is CancellationError: return false
    case PostgresError.refused(let sqlState, _, _, _):
      // Lost a race, or waited for a lock in vain.
      return !["40001", "40P01", "55P03"].contains(sqlState)
    case PostgresError.decoding: return true
    case is PostgresError: return false
    case let error as RPCError:
      return ![.unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled]
        .contains(error.code)
    default: return true
    }
  }
}

/// Ever longer pauses, jittered so that followers do not return as one.
private struct Pause {
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

extension FeedFollower {
  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { Inbox.statements }
}
