import Foundation
import Postgres

/// The unsent messages of every organisation, as the delivery worker takes them. A claim is a lease:
/// when it runs out the message is taken again, and word of the late worker is not taken any more.
struct MessageQueue: Table, Sendable {
  /// As the worker's role.
  let database: Database
  /// How long a claim holds; more than a handover may take.
  var leaseSeconds = 60.0

  /// How often a worker may stop while it sends a message: the message may be what stops it.
  static let abandonedMax = 3

  static let bury = Statement<NoRow>(
    """
    WITH buried AS (
      UPDATE messages
      SET state = 'FAILED', last_error = 'sending it was interrupted too often', lease_until = NULL
      WHERE state = 'SENDING' AND lease_until < now() AND abandoned >= $1 - 1
      RETURNING organization_id, message_id, attempts
    )
    UPDATE delivery_attempts a
    SET outcome = 'FAILED', error = 'interrupted', ended_at = now()
    FROM buried b
    WHERE a.organization_id = b.organization_id AND a.message_id = b.message_id
      AND a.attempt = b.attempts
    """)

  static let claimDue = Statement<QueuedInvitation>(
    """
    WITH due AS (
      SELECT organization_id, message_id FROM messages
      WHERE state IN ('QUEUED', 'SENDING') AND run_at <= now()
        AND (lease_until IS NULL OR lease_until < now())
      ORDER BY run_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ), claimed AS (
      UPDATE messages m
      SET abandoned = m.abandoned + (m.state = 'SENDING')::integer, state = 'SENDING',
        attempts = m.attempts + 1, lease_until = now() + make_interval(secs => $2),
        fence = nextval('message_fences')
      FROM due
      WHERE m.organization_id = due.organization_id AND m.message_id = due.message_id
      RETURNING m.*
    ), noted AS (
      INSERT INTO delivery_attempts (organization_id, message_id, attempt, fence)
      SELECT organization_id, message_id, attempts, fence FROM claimed
    )
    SELECT \(QueuedInvitation.columns), EXISTS (
        SELECT FROM messages n
        WHERE n.organization_id = c.organization_id AND n.invitation_id = c.invitation_id
          AND n.send_count > c.send_count)
    FROM claimed c ORDER BY created_at
    """, writes: true)

  /// Takes messages that are due. From here on they are SENDING, and the try is on record, before
  /// anything leaves the house.
  func claim(limit: Int) async throws -> [QueuedInvitation] {
    let (_, claimed) = try await database.run(
      .none, Self.bury(Self.abandonedMax), Self.claimDue(limit, leaseSeconds))
    return claimed
  }

  static let settle = Statement<NoRow>(
    """
    WITH settled AS (
      UPDATE messages
      SET state = $4, last_error = $5, lease_until = NULL,
        refusals = refusals + $6,
        run_at = now() + make_interval(secs => $7),
        sent_at = CASE WHEN $4 = 'SENT' THEN now() END
      WHERE organization_id = $1 AND message_id = $2 AND fence = $3 AND state = 'SENDING'
      RETURNING organization_id, message_id, attempts
    )
    UPDATE delivery_attempts a
    SET outcome = CASE WHEN $4 = 'QUEUED' THEN 'RETRY' ELSE $4 END, error = $5, ended_at = now()
    FROM settled s
    WHERE a.organization_id = s.organization_id AND a.message_id = s.message_id
      AND a.attempt = s.attempts
    """)
  static let statements: [any DescribedStatement] = [bury, claimDue, settle]

  /// Notes what became of a claimed message.
  ///
  /// - Parameters:
  ///   - state: QUEUED for another try.
  ///   - error: in words safe to show; empty when all went well.
  ///   - refused: true when a mail server refused it for the moment.
  ///   - pause: until the next try, seconds.
  /// - Returns: false when the claim had run out and somebody else holds the message.
  func settle(
    _ claimed: QueuedInvitation, _ state: MessageState, error: String = "",
    refused: Bool = false,
    pause: Double = 0
  ) async throws -> Bool {
    let rows = try await database.run(
      .none,
      Self.settle(
        claimed.organizationID, claimed.messageID, claimed.fence, state, error,
        refused ? 1 : 0, pause))
    return !rows.isEmpty
  }
}
