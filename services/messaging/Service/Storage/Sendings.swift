import Foundation
import Postgres
import ServiceKit
import ServiceStorage

/// The tries to send messages, as the delivery worker makes them. When a message is due, and who has
/// it in hand, is its job's affair; what staff see of it is kept here.
struct Sendings: Table, Sendable {
  /// As the worker's role.
  let database: Database

  private static let begun = """
    WITH begun AS (
      UPDATE messages m SET state = 'SENDING', attempts = m.attempts + 1, abandoned = $3
      WHERE m.organization_id = $1 AND m.message_id = $2 AND m.state IN ('QUEUED', 'SENDING')
      RETURNING m.*
    ), noted AS (
      INSERT INTO delivery_attempts (organization_id, message_id, attempt, fence)
      SELECT organization_id, message_id, attempts, $4 FROM begun
    )
    """

  static let beginInvitation = Statement<QueuedInvitation>(
    """
    \(begun)
    SELECT \(QueuedInvitation.columns), EXISTS (
        SELECT FROM messages n
        WHERE n.organization_id = b.organization_id AND n.invitation_id = b.invitation_id
          AND n.send_count > b.send_count)
    FROM begun b
    """, writes: true)

  static let beginSMS = Statement<QueuedSMS>(
    "\(begun) SELECT \(QueuedSMS.columns) FROM begun", writes: true)

  /// Begins a try: from here on the message is SENDING, and the try is on record, before anything
  /// leaves the house. Nil when there is nothing to send any more; throws when somebody else has the
  /// job by now.
  private func begin<Message: MessageInHand>(_ job: Job<MessageJob>) async throws -> Message? {
    guard let organization = job.organizationID else { return nil }
    let (_, begun) = try await database.run(
      .organization(organization), Jobs.hold(job),
      Message.begin(organization, job.id, job.abandoned, job.fence))
    return begun.first
  }

  static let settle = Statement<NoRow>(
    """
    WITH settled AS (
      UPDATE messages
      SET state = $3, last_error = $4, refusals = refusals + $5,
        sent_at = (SELECT now() WHERE $3 = 'SENT')
      WHERE organization_id = $1 AND message_id = $2 AND state IN ('QUEUED', 'SENDING')
      RETURNING organization_id, message_id, attempts
    )
    UPDATE delivery_attempts a
    SET outcome = CASE WHEN $3 = 'QUEUED' THEN 'RETRY' ELSE $3 END, error = $4, ended_at = now()
    FROM settled s
    WHERE a.organization_id = s.organization_id AND a.message_id = s.message_id
      AND a.attempt = s.attempts
    """)

  /// What becomes of a message, for the transaction in which its job says so.
  ///
  /// - Parameters:
  ///   - state: QUEUED for another try.
  ///   - error: in words safe to show; empty when all went well.
  ///   - refused: true when the place it goes to refused it for the moment.
  static func noting(
    _ state: MessageState, of job: Job<MessageJob>, error: String, refused: Bool
  ) -> [AnyQuery] {
    guard let organization = job.organizationID else { return [] }
    var queries = [AnyQuery(settle(organization, job.id, state, error, refused ? 1 : 0))]
    if state != .queued {
      let entry = AuditEntry(
        "message.\(state.rawValue.lowercased())", on: "message", job.id, in: organization,
        by: .background("messaging"))
      queries.append(Audit.append(entry))
    }
    return queries
  }

  static let isOlder = Statement<Bool>(
    """
    SELECT created_at < now() - make_interval(secs => $3)
    FROM messages WHERE organization_id = $1 AND message_id = $2
    """)

  /// Whether a message that has not had its turn is to be given up: one whose turn never comes while
  /// others look whether the server is back must not wait for ever.
  private func hasWaited(_ seconds: TimeInterval, _ job: Job<MessageJob>) async throws -> Bool {
    guard let organization = job.organizationID else { return false }
    return try await database.run(
      .organization(organization), Self.isOlder(organization, job.id, seconds)
    ).first == true
  }

  /// The jobs of a kind, as a worker does them.
  func handler<Post: Courier>(
    _ kind: JobKind<MessageJob>, _ worker: DeliveryWorker<Post>
  ) -> JobHandler {
    JobHandler(
      kind,
      burial: { job, _ in
        let error = "sending it was interrupted too often"
        return Self.noting(.failed, of: job, error: error, refused: false)
      },
      resting: { worker.post.way.isWaiting }
    ) { job in
      if let pause = worker.post.way.pause(job.attempt) {
        if try await hasWaited(Post.patienceSeconds, job) {
          let error = "\(Post.place) could not be reached"
          return .done(Self.noting(.failed, of: job, error: error, refused: false))
        }
        return .again(
          after: .seconds(pause), because: "\(Post.place) is left alone", counts: false)
      }
      guard let message: Post.Message = try await begin(job) else { return .done() }
      CrashPoint.reach("messaging.send.after-claim", about: message.recipient)
      let verdict = await worker.send(message, mayHaveLeft: job.abandoned > 0)
      CrashPoint.reach("messaging.send.after-handover")
      let effect = Self.noting(
        verdict.state, of: job, error: verdict.error, refused: verdict.refused)
      guard verdict.state == .queued else { return .done(effect) }
      return .again(
        after: .seconds(verdict.pause), because: verdict.error, counts: false, effect)
    }
  }

  static let statements: [any DescribedStatement] = [beginInvitation, beginSMS, settle, isOlder]
}
