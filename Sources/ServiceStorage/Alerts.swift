public import Foundation
import GRPC
public import Postgres

/// What an operator must see: rows of a service's table `alerts`, written in the transaction that
/// found the trouble. Kinds and subjects name parts of the system, never people or organisations.
public struct Alerts: Table, Sendable {
  private static let insert = Statement<NoRow>(
    """
    insert into alerts (kind, subject, detail) values ($1, $2, $3)
    on conflict (kind, subject) where cleared_at is null
    do update set detail = excluded.detail where alerts.detail <> excluded.detail
    """)
  private static let close = Statement<NoRow>(
    """
    update alerts set cleared_at = now()
    where kind = $1 and subject = $2 and cleared_at is null
    """)
  private static let select = Statement<Alert>(
    """
    select kind, subject, detail, raised_at from alerts where cleared_at is null
    order by raised_at, kind, subject limit $1
    """)
  private static let count = Statement<Int>(
    "select count(*) from alerts where cleared_at is null")

  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [insert, close, select, count] }

  private let database: Database

  /// - Parameter database: connected as the service's role, as its worker's, or as a superuser
  ///   whose `search_path` is the service's schema.
  public init(database: Database) { self.database = database }

  /// The query that raises an alert; put it in the `run` that records the trouble itself. One that
  /// is open already keeps its time and takes the new detail.
  ///
  /// - Parameters:
  ///   - kind: what went wrong, such as `feed.parked`, 1 to 100 characters.
  ///   - subject: with what, such as a feed's source, 1 to 200 characters.
  ///   - detail: for a person; what is beyond 1000 characters is cut off.
  public static func raise(kind: String, subject: String, detail: String) -> AnyQuery {
    AnyQuery(insert(kind, subject, String(detail.unicodeScalars.prefix(1000))))
  }

  /// The query that clears an alert, if it is open.
  public static func clear(kind: String, subject: String) -> AnyQuery {
    AnyQuery(close(kind, subject))
  }

  /// The open alerts, oldest first, at most `limit`.
  public func open(limit: Int = 500) async throws(PostgresError) -> [Alert] {
    try await database.run(.none, Self.select(limit))
  }

  /// Clears an alert, and answers whether it was open.
  public func clear(kind: String, subject: String) async throws(PostgresError) -> Bool {
    try await database.run(.none, Self.close(kind, subject)).count > 0
  }

  /// How many are open, for `/metrics`; nothing while the database cannot be asked.
  func samples() async -> [MetricSample] {
    do {
      let open =
        try await database.run(
          .none, deadline: .now + .seconds(1), Self.count()
        ).first ?? 0
      return [
        MetricSample(
          name: "clientele_alerts_open", help: "Alerts that nobody and nothing has cleared.",
          kind: .gauge, value: Double(open))
      ]
    } catch {
      return []
    }
  }
}

/// A row of `alerts`.
public struct Alert: PostgresRow, Sendable, Hashable {
  /// What went wrong, such as `feed.parked`.
  public let kind: String
  /// With what.
  public let subject: String
  /// For a person.
  public let detail: String
  /// Since when, by the database's clock.
  public let raisedAt: Date

  public init(from columns: inout ColumnReader) throws(PostgresError) {
    kind = try columns.next()
    subject = try columns.next()
    detail = try columns.next()
    raisedAt = try columns.next()
  }
}
