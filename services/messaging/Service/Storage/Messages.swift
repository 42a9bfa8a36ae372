import Foundation
import GRPC
import Postgres
import ServiceStorage

/// The messages of an organisation, as its staff read them.
struct Messages: Table, Sendable {
  /// The newest migration when this was written: on an older schema the service does not work.
  static let schemaVersion = 18

  /// As the service's role.
  let database: Database

  static let selectOne = Statement<MessageRow>(
    """
    SELECT \(MessageRow.columns)
    FROM messages WHERE organization_id = $1 AND message_id = $2
    """)

  /// A message of the organisation.
  func find(
    _ messageID: UUID, of organization: UUID, deadline: Deadline
  ) async throws -> MessageRow? {
    try await database.run(
      .organization(organization), deadline: deadline.instant,
      Self.selectOne(organization, messageID)
    ).first
  }

  static let selectPage = Statement<MessageRow>(
    """
    SELECT \(MessageRow.columns)
    FROM messages WHERE organization_id = $1 AND message_id < $2
    ORDER BY message_id DESC LIMIT $3
    """)

  static let selectPageOfRecord = Statement<MessageRow>(
    """
    SELECT \(MessageRow.columns)
    FROM messages WHERE organization_id = $1 AND record_id = $4 AND message_id < $2
    ORDER BY message_id DESC LIMIT $3
    """)
  static let statements: [any DescribedStatement] = [selectOne, selectPage, selectPageOfRecord]

  /// Messages, the newest first, that came before one; ids are in the order of arrival.
  ///
  /// - Parameters:
  ///   - before: the last message of the page before; nil for the first page.
  ///   - record: the client or employee they are about; nil for all.
  ///   - limit: most rows to answer.
  func page(
    of organization: UUID, before: UUID?, record: UUID?, limit: Int, deadline: Deadline
  ) async throws -> [MessageRow] {
    let before = before ?? Self.afterAll
    let scope = Scope.organization(organization)
    if let record {
      return try await database.run(
        scope, deadline: deadline.instant,
        Self.selectPageOfRecord(organization, before, limit, record))
    }
    return try await database.run(
      scope, deadline: deadline.instant, Self.selectPage(organization, before, limit))
  }

  /// Greater than every id.
  private static let afterAll = UUID(
    uuid: (255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255))
}
