import Foundation
public import Postgres

/// The table `audit_log`: a row for each act, written in its transaction. See docs/audit.md.
public enum Audit: Table {
  private static let insert = Statement<NoRow>(
    """
    insert into audit_log (organization_id, actor_account, actor_service, acting_as, action,
      object_kind, object_id, request_id, detail)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """)
  public static let statements: [any DescribedStatement] = [insert]

  /// The query that puts an act on record; put it in the same `run` as the change it tells of.
  public static func append(_ entry: AuditEntry) -> AnyQuery {
    AnyQuery(
      insert(
        entry.organization, entry.actor.account, entry.actor.service, entry.actor.actingAs,
        entry.action, entry.objectKind, entry.objectID, entry.requestID,
        JSONB(entry.detail.isEmpty ? "{}" : json(entry.detail))))
  }

  private static func json(_ detail: [String: String]) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    // Text alone is in it, so it can always be written.
    return (try? encoder.encode(detail)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
