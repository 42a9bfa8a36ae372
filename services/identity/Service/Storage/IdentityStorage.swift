public import Postgres
import ServiceStorage

/// The tables of the schema `identity`, one type each. Each table's file says how it is reached.
public struct IdentityStorage: Sendable {
  /// The newest migration when this was written: on an older schema the service does not work.
  public static let schemaVersion = 19

  let database: Database
  /// First answers of calls.
  let idempotency: Idempotency

  /// - Parameter database: connected as the role `identity`.
  public init(database: Database) {
    self.database = database
    idempotency = Idempotency(database: database)
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
