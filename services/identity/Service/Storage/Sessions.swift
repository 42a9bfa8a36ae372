import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import ServiceStorage

extension IdentityStorage {
  var sessions: Sessions { Sessions(database: database) }
}

/// Who is signed in: the table `sessions`.
struct Sessions: Table, Sendable {
  let database: Database

  /// How old `last_used_at` may get before it is written again, in seconds.
  private static let touchInterval: TimeInterval = 60
  /// Most sessions announced one by one when a password changes.
  private static let announcedMax = 200

  private static let insert = Statement<NoRow>(
    """
    insert into sessions (session_id, account_id, token_hash, idle_seconds, created_at,
      last_used_at, expires_at)
    values ($1, $2, $3, $4, $5, $5, $6)
    """)
  private static let byHash = Statement<SessionRow>(
    """
    select session_id, account_id, account_state, idle_seconds, last_used_at, expires_at, ended_at
    from session_by_hash($1)
    """, critical: true)
  private static let openedAt = Statement<Date>(
    "select created_at from sessions where session_id = $1", critical: true)
  private static let touch = Statement<NoRow>(
    "update sessions set last_used_at = $2 where session_id = $1 and ended_at is null",
    critical: true)
  private static let end = Statement<NoRow>(
    "update sessions set ended_at = $2 where session_id = $1 and ended_at is null")
  static let others = Statement<UUID>(
    """
    select session_id from sessions
    where account_id = $1 and session_id <> $2 and ended_at is null
    order by created_at desc
    limit \(announcedMax)
    """)
  static let endOthers = Statement<NoRow>(
    """
    update sessions set ended_at = $3
    where account_id = $1 and session_id <> $2 and ended_at is null
    """)
  static let statements: [any DescribedStatement] = [
    insert, byHash, openedAt, touch, end, others, endOthers,
  ]

  /// Opens a session.
  func open(_ session: SessionRow, token: SessionToken, in call: CallContext) async throws {
    let actor = AuditActor(call).known(as: session.accountID)
    try await database.run(
      .account(session.accountID), deadline: call.deadline.instant,
      all: [
        AnyQuery(
          Self.insert(
            session.id, session.accountID, token.hash, session.idleSeconds, session.lastUsedAt,
            session.expiresAt)),
        Audit.append(AuditEntry("session.open", on: "session", session.id, in: nil, by: actor)),
      ])
  }

  /// A living session as it is used.
  struct Use {
    let session: SessionRow
    /// When its account signed in.
    let openedAt: Date?
    /// Where its account belongs.
    let memberships: [MembershipRow]
  }

  /// The living session of a token. Using it keeps it from idling out. Throws SESSION_INVALID.
  func use(_ token: SessionToken, at now: Date, deadline: Deadline) async throws -> Use {
    let rows = try await database.run(.none, deadline: deadline.instant, Self.byHash(token.hash))
    guard let session = rows.first, session.isAlive(at: now) else {
      throw IdentityError.sessionInvalid
    }
    let scope = Scope.account(session.accountID)
    let opened = Self.openedAt(session.id)
    let list = Memberships.active(session.accountID)
    guard now.timeIntervalSince(session.lastUsedAt) >= Self.touchInterval else {
      let (moments, memberships) = try await database.run(
        scope, deadline: deadline.instant, opened, list)
      return Use(session: session, openedAt: moments.first, memberships: memberships)
    }
    let (_, moments, memberships) = try await database.run(
      scope, deadline: deadline.instant, Self.touch(session.id, now), opened, list)
    return Use(session: session, openedAt: moments.first, memberships: memberships)
  }

  /// Ends a session and tells the revocation feed.
  func end(_ id: UUID, of account: UUID, at now: Date, in call: CallContext) async throws {
    try await database.run(
      .account(account), deadline: call.deadline.instant,
      all: [
        AnyQuery(Self.end(id, now)), News.revoked(session: id, of: account, at: now),
        Audit.append(
          AuditEntry("session.end", on: "session", id, in: nil, by: AuditActor(call))),
      ])
  }
}

/// A row of `sessions` with the state of its account.
struct SessionRow: PostgresRow {
  let id: UUID
  let accountID: UUID
  let accountState: AccountStatus
  let idleSeconds: Int
  let lastUsedAt: Date
  let expiresAt: Date
  let endedAt: Date?

  init(from columns: inout ColumnReader) throws(PostgresError) {
    id = try columns.next()
    accountID = try columns.next()
    accountState = try columns.next()
    idleSeconds = try columns.next()
    lastUsedAt = try columns.next()
    expiresAt = try columns.next()
    endedAt = try columns.next()
  }

  /// One just opened.
  init(id: UUID, accountID: UUID, life: Int, idle: Int, at now: Date) {
    self.id = id
    self.accountID = accountID
    accountState = .active
    idleSeconds = idle
    lastUsedAt = now
    // As it will be read again: to the microsecond.
    expiresAt = PostgresTimestamp(now.addingTimeInterval(Double(life))).date
    endedAt = nil
  }

  /// Whether it still stands for its account.
  func isAlive(at now: Date) -> Bool {
    endedAt == nil && accountState == .active && now < expiresAt
      && now < lastUsedAt.addingTimeInterval(Double(idleSeconds))
  }

  /// The session on the wire.
  func session(_ memberships: [MembershipRow]) -> Session {
    Session(
      sessionID: id.text, accountID: accountID.text,
      memberships: memberships.map(\.membership), expireTime: Timestamp(expiresAt))
  }
}
