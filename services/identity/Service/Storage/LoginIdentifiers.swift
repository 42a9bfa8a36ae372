import Foundation
import Postgres
import ServiceKit

/// What signs in: statements over `login_identifiers`.
enum LoginIdentifiers: Table {
  /// Who holds an identifier; before that person is known, hence a function of the owner's.
  static let holder = Statement<HolderRow>(
    """
    select account_id, account_state, state, professional from identifier_holder($1, $2)
    """)

  /// The first free name that begins with the stem.
  static let freeUsername = Statement<String>("select username from free_username($1)")

  static let insert = Statement<NoRow>(
    """
    insert into login_identifiers (account_id, kind, raw, normalized, state, professional, created_at)
    values ($1, $2, $3, $4, 'RESERVED', $5, $6)
    """)

  /// Nobody proved it, so nothing is lost.
  static let releaseReservedEmails = Statement<NoRow>(
    """
    delete from login_identifiers
    where account_id = $1 and kind = 'EMAIL' and state = 'RESERVED' and normalized <> $2
    """)

  /// The username, and the address the holder was reached at.
  static let verify = Statement<NoRow>(
    """
    update login_identifiers set state = 'VERIFIED', verified_at = $3
    where account_id = $1 and state = 'RESERVED' and (kind = 'USERNAME' or normalized = $2)
    """)

  /// Once a professional's, an identifier stays one (B11).
  static let markProfessional = Statement<NoRow>(
    """
    update login_identifiers set professional = true where account_id = $1 and not professional
    """)
  static let statements: [any DescribedStatement] = [
    holder, freeUsername, insert, releaseReservedEmails, verify, markProfessional,
  ]
}

/// Who holds an identifier.
struct HolderRow: PostgresRow {
  let accountID: UUID
  let accountState: AccountStatus
  let state: IdentifierState
  let professional: Bool

  init(from columns: inout ColumnReader) throws(PostgresError) {
    accountID = try columns.next()
    accountState = try columns.next()
    state = try columns.next()
    professional = try columns.next()
  }

  /// What it means for somebody else who would like to have it (rulings 18): an address that was
  /// only typed is still to be had, together with the pending account that reserved it.
  var disposition: IdentifierDisposition {
    if state == .reserved && accountState == .pending { return .available }
    return professional ? .professional : .onPlatform
  }
}

extension [HolderRow] {
  /// The disposition of an identifier that one row at most stands for.
  var disposition: IdentifierDisposition { first?.disposition ?? .available }
}
