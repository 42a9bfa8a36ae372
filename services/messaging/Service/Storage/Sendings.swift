import Foundation
import Postgres
import ServiceKit
import ServiceStorage

/// The tries to send messages, as the delivery worker makes them. When a message is due, and who has
/// it in hand, is its job's affair; what staff see of it is kept here.
struct Sendings: Table, Sendable {
  /// As the worker's role.
  let database: Database

  /// `run_at` keeps workers away that know no jobs.
  static let begin = Statement<QueuedInvitation>(
    """
    WITH begun AS (
      UPDATE messages m
      SET state = 'SENDING', attempts = m.attempts + 1, abandoned = $3, run_at = 'infinity',
        lease_until = NULL, fence = NULL
      WHERE m.organization_id = $1 AND m.message_id = $2 AND m.state IN ('QUEUED', 'SENDING')
      RETURNING m.*
    ), noted AS (
      INSERT INTO delivery_attempts (organization_id, message_id, attempt, fence)
      SELECT organization_id, message_id, attempts, $4 FROM begun
    )
    SELECT \(QueuedInvitation.columns), EXISTS (
        SELECT FROM messages n
        WHERE n.organization_id = b.organization_id AND n.invitation_id = b.invitation_id
          AND n.send_count > b.send_count)
    FROM begun b
    """, writes: true)

  /// Begins a try: from here on the message is SENDING, and the try is on record, before anything
  /// leaves the house. Nil when there is nothing to send any more; throws when somebody else has the
  /// job by now.
  func begin(_ job: Job<MailJob>) async throws -> QueuedInvitation? {
    guard let organization = job.organizationID else { return nil }
    let (_, begun) = try await database.run(
      .organization(organization), Jobs.hold(job),
      Self.begin(organization, job.id, job.abandoned, job.fence))
    return begun.first
  }

  static let settle = Statement<NoRow>(
    """
    WITH settled AS (
      UPDATE messages
      SET state = $3, last_error = $4, refusals = refusals + $5,
        sent_at = CASE WHEN $3 = 'SENT' THEN now() END
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
  ///   - refused: true when a mail server refused it for the moment.
  static func noting(
    _ state: MessageState, of job: Job<MailJob>, error: String, refused: Bool
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
  private func hasWaitedTooLong(_ job: Job<MailJob>) async throws -> Bool {
    guard let organization = job.organizationID else { return false }
    return try await database.run(
      .organization(organization),
      Self.isOlder(organization, job.id, DeliveryWorker.patienceSeconds)
    ).first == true
  }

  /// The jobs of a kind, as a worker does them.
  func handler(_ kind: JobKind<MailJob>, _ worker: DeliveryWorker) -> JobHandler {
    JobHandler(
      kind,
      burial: { job, _ in
        let error = "sending it was interrupted too often"
        return Self.noting(.failed, of: job, error: error, refused: false)
      },
      resting: { worker.isWaiting }
    ) { job in
      if let pause = worker.pause(job.attempt) {
        if try await hasWaitedTooLong(job) {
          let error = "the mail server could not be reached"
          return .done(Self.noting(.failed, of: job, error: error, refused: false))
        }
        return .again(
          after: .seconds(pause), because: "the mail server is left alone", counts: false)
      }
      guard let message = try await begin(job) else { return .done() }
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

  /// Hides messages that have no job from code that knows no jobs.
  static let take = Statement<TakenMessage>(
    """
    UPDATE messages SET run_at = 'infinity', lease_until = NULL, fence = NULL
    WHERE state IN ('QUEUED', 'SENDING') AND run_at <= now()
      AND (lease_until IS NULL OR lease_until < now())
    RETURNING organization_id, message_id
    """)
  static let statements: [any DescribedStatement] = [begin, settle, isOlder, take]

  /// Makes jobs of what older code left, or leaves during a roll.
  func adopt(as kind: JobKind<MailJob>) async throws {
    try await database.transaction(.none) { transaction in
      let taken = try await transaction.run(Self.take())
      guard !taken.isEmpty else { return }
      try await transaction.run(
        all: try taken.map { message in
          AnyQuery(
            try Jobs.enqueue(
              kind, id: message.messageID, organization: message.organizationID,
              MailJob(messageID: message.messageID)))
        })
    }
  }
}

/// A message that had no job.
struct TakenMessage: PostgresRow {
  let organizationID: UUID
  let messageID: UUID

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    messageID = try columns.next()
  }
}
