import CommonAPI
import Foundation
import GRPC
import Postgres
import ServiceKit
import ServiceStorage

extension IdentityStorage {
  var credentials: Credentials { Credentials(database: database, idempotency: idempotency) }
}

/// What passwords are compared with: the table `credentials`.
struct Credentials: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  private static let byName = Statement<CredentialRow>(
    """
    select account_id, account_state, display_name, password_hash, pepper_key_id
    from credential_of($1, $2)
    """)
  private static let byAccount = Statement<CredentialRow>(
    """
    select c.account_id, a.state, a.display_name, c.password_hash, c.pepper_key_id
    from credentials c join accounts a on a.account_id = c.account_id
    where c.account_id = $1
    """)
  static let insert = Statement<NoRow>(
    """
    insert into credentials (account_id, password_hash, pepper_key_id, changed_at)
    values ($1, $2, $3, $4)
    """)
  private static let change = Statement<NoRow>(
    """
    update credentials set password_hash = $2, pepper_key_id = $3, changed_at = $4
    where account_id = $1
    """)
  /// Only over the hash it was computed from: a password changed meanwhile stays.
  private static let renew = Statement<NoRow>(
    """
    update credentials set password_hash = $2, pepper_key_id = $3
    where account_id = $1 and password_hash = $4
    """)
  static let statements: [any DescribedStatement] = [byName, byAccount, insert, change, renew]

  /// What a name that signs in leads to; nil when it signs nobody in.
  func find(_ name: SignInName, deadline: Deadline) async throws -> CredentialRow? {
    try await database.run(
      .none, deadline: deadline.instant, Self.byName(name.kind, name.normalized)
    ).first
  }

  /// An account's own; nil when it has no password.
  func find(_ account: UUID, deadline: Deadline) async throws -> CredentialRow? {
    try await database.run(
      .account(account), deadline: deadline.instant, Self.byAccount(account)
    ).first
  }

  /// Stores a stronger hash of the same password.
  func renew(
    _ account: UUID, from old: PasswordHash, to new: PasswordHash, deadline: Deadline
  ) async throws {
    _ = try await database.run(
      .account(account), deadline: deadline.instant,
      Self.renew(account, new.phc, new.pepperKeyID, old.phc))
  }

  /// Changes the password and ends every session of the account but one, with its news.
  func change(
    _ account: UUID, to hash: PasswordHash, keeping session: UUID, request: RequestKey,
    at now: Date, deadline: Deadline
  ) async throws -> Empty {
    let others = try await database.run(
      .account(account), deadline: deadline.instant, Sessions.others(account, session))
    let answer = Empty()
    let queries =
      [
        AnyQuery(idempotency.record(request.key, answer)),
        AnyQuery(Self.change(account, hash.phc, hash.pepperKeyID, now)),
        AnyQuery(Sessions.endOthers(account, session, now)),
        request.audit("password.change", on: "account", account, in: nil),
      ] + others.map { News.revoked(session: $0, of: account, at: now) }
    try await database.run(.account(account), deadline: deadline.instant, all: queries)
    return answer
  }
}

/// A credential with whose it is.
struct CredentialRow: PostgresRow {
  let accountID: UUID
  let accountState: AccountStatus
  let displayName: String
  let password: PasswordHash

  init(from columns: inout ColumnReader) throws(PostgresError) {
    accountID = try columns.next()
    accountState = try columns.next()
    displayName = try columns.next()
    password = PasswordHash(phc: try columns.next(), pepperKeyID: try columns.next())
  }
}
