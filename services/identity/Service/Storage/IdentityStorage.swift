public import Postgres
import ServiceStorage

/// The tables of the schema `identity`, one type each.
public struct IdentityStorage: Sendable {
  let accounts: Accounts
  let credentials: Credentials
  let failures: SignInFailures
  let invitations: Invitations
  let memberships: Memberships
  let probes: EmailProbes
  let sessions: Sessions
  /// First answers of calls.
  let idempotency: Idempotency

  /// - Parameter database: connected as the role `identity`.
  public init(database: Database) {
    idempotency = Idempotency(database: database)
    accounts = Accounts(database: database, idempotency: idempotency)
    credentials = Credentials(database: database, idempotency: idempotency)
    failures = SignInFailures(database: database)
    invitations = Invitations(database: database, idempotency: idempotency)
    memberships = Memberships(database: database, idempotency: idempotency)
    probes = EmailProbes(database: database)
    sessions = Sessions(database: database)
  }
}

extension IdentifierKind: PostgresValue {}
extension IdentifierState: PostgresValue {}
extension AccountStatus: PostgresValue {}
extension InvitationAim: PostgresValue {}
extension InvitationStatus: PostgresValue {}
extension HatWorn: PostgresValue {}
extension ProfileHeld: PostgresValue {}
extension IdentifierDisposition: PostgresValue {}
