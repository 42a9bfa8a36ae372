import CommonAPI
import Feed
import Foundation
import GRPC
import Logging
import Postgres
import ServiceStorage
import Synchronization
import TestKit

/// A service that announces and one that follows, on a cluster of their own: a transaction left
/// open anywhere in a cluster holds every feed in it back.
struct Rig: Sendable {
  let database: TestDatabase
  /// As the service's role, which announces.
  let pool: Database
  /// As the worker's role, which follows.
  let worker: Database
  /// As an operator's command sees what is parked.
  let parked: ParkedEvents
  let server: FeedServer
  let channel: any RPCChannel

  static let append = Statement<NoRow>(
    "insert into effects (event_kind, aggregate_id) values ($1, $2)")

  /// Runs a test with everything up.
  /// - Parameter settings: the server's.
  static func with(
    settings: FeedServer.Settings = .init(), _ body: @Sendable (Rig) async throws -> Void
  ) async throws {
    let shared = try Self.sharedMigrations.map(Self.migration)
    let effects = """
      create table effects (
        event_kind text not null, aggregate_id uuid not null,
        place bigint generated always as identity
      );
      grant select, insert on effects to sample_worker;
      """
    try await withCluster { cluster in
      try await withDatabase(
        schemas: [.sample(shared + [effects])], cluster: cluster.connection
      ) { database in
        let worker = try database.database(role: "sample_worker")
        let superuser = try database.database(role: "postgres") {
          $0.connection += " options='-csearch_path=sample'"
        }
        let server = FeedServer(database: worker, settings: settings)
        let channel = InProcessChannel(services: [.feedService(server)])
        try await body(
          Rig(
            database: database, pool: try database.database(), worker: worker,
            parked: ParkedEvents(database: superuser), server: server, channel: channel))
      }
    }
  }

  /// The statements every service copies into its migrations, from a service that did.
  private static let sharedMigrations = [
    "0001_news_and_retries", "0007_alerts", "0008_feeds", "0014_feed_closed",
  ]

  private static func migration(_ name: String) throws -> String {
    try String(
      contentsOf: Checkout.root.appending(path: "services/organization/migrations/\(name).sql"),
      encoding: .utf8
    ).replacing("organization_worker", with: "sample_worker")
      .replacing("TO organization\n", with: "TO sample\n")
      .replacing("FROM organization;", with: "FROM sample;")
      .replacing("TO organization;", with: "TO sample;")
  }

  /// Announces something and answers what it happened to.
  @discardableResult
  func announce(
    _ kind: String = "thing.happened", of aggregate: UUID = UUID()
  ) async throws -> UUID {
    try await pool.run(
      .none, Events.append(kind: kind, organization: nil, aggregate: aggregate, payload: [1, 2]))
    return aggregate
  }

  /// One page.
  func list(
    after: FeedPosition? = nil, pageSize: Int32 = 0, wait: Duration? = nil, kinds: [String] = []
  ) async throws -> ListEventsResponse {
    try await FeedServiceClient(channel).listEvents(
      ListEventsRequest(
        after: after, pageSize: pageSize, wait: wait.map { ProtoDuration($0) }, kinds: kinds),
      options: CallOptions(timeout: .seconds(25)))
  }

  /// A follower that is quick to try again.
  func follower(
    of source: String = "sample", channel: (any RPCChannel)? = nil, kinds: [String] = [],
    change: (inout FeedFollower.Settings) -> Void = { _ in }
  ) -> FeedFollower {
    var settings = FeedFollower.Settings()
    settings.pauseMin = .milliseconds(1)
    settings.pauseMax = .milliseconds(20)
    settings.attemptsMax = 3
    settings.pageSize = 7
    settings.wait = .seconds(1)
    settings.retryPause = .milliseconds(20)
    settings.savePause = .milliseconds(20)
    settings.lagPause = .milliseconds(20)
    settings.calm = .zero
    change(&settings)
    return FeedFollower(
      source: source, channel: channel ?? self.channel, database: worker, kinds: kinds,
      logger: Logger(label: "follower") { _ in SwiftLogNoOpLogHandler() }, settings: settings)
  }

  /// The effect of an event in these tests: a row that nothing keeps from being there twice.
  @Sendable static func effect(_ event: FeedEvent) throws -> [AnyQuery] {
    guard let aggregate = UUID(uuidString: event.aggregateID) else { return [] }
    return [AnyQuery(append(event.kind, aggregate))]
  }

  func effects() async throws -> [String] {
    try await database.sql("select aggregate_id from sample.effects").compactMap { $0.first ?? nil }
  }

  /// The kinds of the events that took effect on an aggregate, in that order.
  func kinds(of aggregate: UUID) async throws -> [String] {
    try await database.sql(
      """
      select event_kind from sample.effects where aggregate_id = '\(aggregate)' order by place
      """
    ).compactMap { $0.first ?? nil }
  }

  /// The kinds of the alerts that are open, as the worker sees them.
  func alerts() async throws -> [String] {
    try await Alerts(database: worker).open().map(\.kind)
  }

  /// Follows in a task of its own for as long as `body` runs.
  func following(
    _ follower: FeedFollower, apply: @escaping FeedFollower.Apply = Rig.effect,
    while body: () async throws -> Void
  ) async throws {
    let task = Task { await follower.run(apply: apply) }
    do {
      try await body()
    } catch {
      task.cancel()
      throw error
    }
    task.cancel()
    await task.value
  }
}

/// Waits until something is so, for at most a minute unless said otherwise.
func eventually(
  at line: Int = #line,
  within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + limit.patient
  while try await !condition() {
    guard .now < end else { throw NeverCame(line: line) }
    try await Task.sleep(for: .milliseconds(5))
  }
}

struct NeverCame: Error { let line: Int }

/// Counts, from any task.
final class Counter: Sendable {
  private let value = Mutex(0)

  /// The new count.
  @discardableResult
  func next() -> Int {
    value.withLock {
      $0 += 1
      return $0
    }
  }
}
