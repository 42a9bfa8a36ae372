import Foundation
import GRPC
import MessagingAPI
import Postgres
import ServiceKit
import ServiceStorage

/// Puts SMS that staff ask for into the line: the message, its job and its place in the quotas, in
/// one transaction.
struct Reminders: Table, Sendable {
  /// Most SMS to one client within a day.
  static let perClientMax = 3

  /// As the service's role.
  let database: Database
  let idempotency: Idempotency
  let kind: JobKind<MessageJob>
  /// Most SMS of an organisation within a day.
  let perOrganizationMax: Int

  static let insert = Statement<NoRow>(
    """
    INSERT INTO messages (organization_id, message_id, channel, purpose, recipient, language,
      subject, body, record_id, send_count, organization_name, display_name, username,
      email_signs_in, created_at, expires_at)
    VALUES ($1, $2, 'SMS', $3, $4, $5, '', $6, $7, 1, $8, '', '', false, $9, $10)
    """)

  /// Keeps the latest moments in order, and takes one more once the first of a full row is a day
  /// old.
  static let count = Statement<NoRow>(
    """
    WITH counted AS (
      INSERT INTO sms_quotas AS q (organization_id, subject_id, moments)
      VALUES ($1, $2, ARRAY[now()])
      ON CONFLICT ON CONSTRAINT sms_quotas_pkey DO UPDATE
      SET moments = q.moments[cardinality(q.moments) - $3 + 2:] || excluded.moments
      WHERE cardinality(q.moments) < $3
        OR excluded.moments[1] - q.moments[cardinality(q.moments) - $3 + 1] >= interval '1 day'
      RETURNING 1
    )
    SELECT demand_quota((SELECT count(*) FROM counted))
    """, writes: true)
  static let statements: [any DescribedStatement] = [insert, count]
  /// Raised by `demand_quota`.
  static let quotaState = "MS001"

  /// A call for an SMS, which is meant once however often it is made.
  struct Wish: Sendable {
    let organization: UUID
    fileprivate let key: Idempotency.Key?
    fileprivate let actor: AuditActor
    fileprivate let deadline: Deadline

    /// - Throws: INVALID_ARGUMENT/REQUEST_ID_INVALID.
    init(_ request: SendAppReminderSmsRequest, in call: CallContext) throws {
      organization = try call.organization()
      key = try Idempotency.key(request.requestID, scope: organization, in: call, for: request)
      actor = AuditActor(call)
      deadline = call.deadline
    }
  }

  /// What an earlier call of the same wish was answered; nil when there was none.
  func first(_ wish: Wish) async throws -> OutboundMessage? {
    try await idempotency.replay(
      wish.key, scope: .organization(wish.organization), deadline: wish.deadline)
  }

  /// Queues an SMS, or gives the first answer again. Throws RESOURCE_EXHAUSTED/QUOTA.
  func queue(
    _ row: MessageRow, _ body: String, from organizationName: String, for wish: Wish
  ) async throws -> OutboundMessage {
    let organization = wish.organization
    let entry = AuditEntry(
      "message.queue", on: "message", row.messageID, in: organization, by: wish.actor,
      requestID: wish.key?.requestID, detail: ["record_id": row.recordID.text])
    do {
      return try await idempotency.write(
        wish.key, scope: .organization(organization), deadline: wish.deadline,
        answer: OutboundMessage(row),
        Self.count(organization, organization, Int32(clamping: perOrganizationMax)),
        Self.count(organization, row.recordID, Int32(Self.perClientMax)),
        Self.insert(
          organization, row.messageID, row.purpose, row.recipient, row.language, body,
          row.recordID, organizationName, row.createdAt,
          row.createdAt.addingTimeInterval(SMSCourier.patienceSeconds)),
        try Jobs.enqueue(
          kind, id: row.messageID, organization: organization,
          MessageJob(messageID: row.messageID)),
        Audit.append(entry))
    } catch let error as PostgresError where error.sqlState == Self.quotaState {
      throw MessagingError.smsQuota
    }
  }
}
