import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import ServiceStorage

extension IdentityStorage {
  var accounts: Accounts { Accounts(database: database, idempotency: idempotency) }
}

/// People: the table `accounts` with what signs in.
struct Accounts: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  /// How often a name or an address is looked up anew after somebody else was faster.
  private static let attemptsMax = 5

  /// Refuses a second holder of an e-mail or a username.
  private static let taken = "login_identifiers_normalized_key"
  /// Refuses an account a second e-mail, when another call gave it one or proved the one it had.
  private static let bound = "login_identifiers_account_key"

  static let byID = Statement<AccountRow>(
    """
    select a.account_id, a.state, a.given_name, a.family_name, a.display_name, a.language,
      a.professional, a.created_by_organization, a.created_at, a.app_seen_at, u.raw, e.raw,
      e.normalized
    from accounts a
    join login_identifiers u
      on u.account_id = a.account_id and u.kind = 'USERNAME' and u.state <> 'RETIRED'
    left join login_identifiers e
      on e.account_id = a.account_id and e.kind = 'EMAIL' and e.state <> 'RETIRED'
    where a.account_id = $1
    """)
  private static let insert = Statement<NoRow>(
    """
    insert into accounts (account_id, state, given_name, family_name, display_name, language,
      professional, created_by_organization, created_at, updated_at)
    values ($1, 'PENDING', $2, $3, $4, $5, $6, $7, $8, $8)
    """)
  private static let isShared = Statement<Bool>("select shared from account_is_shared($1, $2)")
  private static let touch = Statement<NoRow>(
    "update accounts set updated_at = $2 where account_id = $1")
  private static let seeApp = Statement<NoRow>(
    """
    update accounts set app_seen_at = $2, updated_at = $2
    where account_id = $1 and app_seen_at is null
    """)
  static let statements: [any DescribedStatement] = [byID, insert, isShared, touch, seeApp]

  /// The account, or ACCOUNT_NOT_FOUND.
  func get(_ id: UUID, deadline: Deadline) async throws -> AccountRow {
    let rows = try await database.run(.account(id), deadline: deadline.instant, Self.byID(id))
    guard let row = rows.first else { throw IdentityError.accountNotFound }
    return row
  }

  /// Notes that the holder has the mobile app, unless it is noted already. Throws ACCOUNT_NOT_FOUND.
  func noteApp(_ id: UUID, at now: Date, in call: CallContext) async throws {
    guard try await get(id, deadline: call.deadline).appSeenAt == nil else { return }
    try await database.run(
      .account(id), deadline: call.deadline.instant,
      all: [
        AnyQuery(Self.seeApp(id, now)),
        Audit.append(
          AuditEntry("account.see_app", on: "account", id, in: nil, by: AuditActor(call))),
      ])
  }

  /// Makes an account, or answers the pending one that holds the address.
  /// Throws EMAIL_ON_PLATFORM, EMAIL_PROFESSIONAL or USERNAME_TAKEN.
  func createPending(
    _ draft: PendingAccountDraft, request: RequestKey, at now: Date, deadline: Deadline
  ) async throws -> Account {
    try await idempotency.repeatable(request, deadline: deadline) {
      for attempt in 1...Self.attemptsMax {
        do {
          return try await create(draft, attempt, request: request, at: now, deadline: deadline)
        } catch let error as PostgresError where error.constraint == Self.taken {
          continue
        }
      }
      throw IdentityError.usernameTaken
    }
  }

  private func create(
    _ draft: PendingAccountDraft, _ attempt: Int, request: RequestKey, at now: Date,
    deadline: Deadline
  ) async throws -> Account {
    let (holders, names) = try await database.run(
      .none, deadline: deadline.instant,
      LoginIdentifiers.holder(IdentifierKind.email, draft.email?.normalized ?? ""),
      LoginIdentifiers.freeUsername(draft.stem(attempt)))
    if let other = try Self.pendingHolder(holders) {
      let answer = try await get(other, deadline: deadline).account(for: draft.organizationID)
      try await database.run(
        request.scope, deadline: deadline.instant,
        all: [
          AnyQuery(idempotency.record(request.key, answer)),
          request.audit("account.find_pending", on: "account", other, in: draft.organizationID),
        ])
      return answer
    }
    guard let username = names.first else { throw IdentityError.usernameTaken }
    let row = AccountRow(draft, id: UUIDv7.make(at: now), username: username, at: now)
    let answer = row.account(for: draft.organizationID)
    var queries = [
      AnyQuery(idempotency.record(request.key, answer)),
      AnyQuery(
        Self.insert(
          row.id, row.givenName, row.familyName, row.displayName, row.language, row.professional,
          draft.organizationID, now)),
      AnyQuery(
        LoginIdentifiers.insert(
          row.id, IdentifierKind.username, username, username.lowercased(), row.professional, now)),
      request.audit("account.create_pending", on: "account", row.id, in: draft.organizationID),
    ]
    if let email = draft.email {
      queries.append(
        AnyQuery(
          LoginIdentifiers.insert(
            row.id, IdentifierKind.email, email.raw, email.normalized, row.professional, now)))
    }
    try await database.run(
      .both(organization: draft.organizationID, account: row.id), deadline: deadline.instant,
      all: queries)
    return answer
  }

  /// Binds an address to a pending account, or answers the pending account that holds it; nil
  /// releases the one it reserved. Throws ACCOUNT_NOT_FOUND, LOGIN_EMAIL_OWNED_BY_HOLDER,
  /// EMAIL_ON_PLATFORM or EMAIL_PROFESSIONAL.
  func reserveEmail(
    _ email: EmailAddress?, for id: UUID, organization: UUID, request: RequestKey, at now: Date,
    deadline: Deadline
  ) async throws -> Account {
    try await idempotency.repeatable(request, deadline: deadline) {
      for _ in 1...Self.attemptsMax {
        do {
          return try await reserve(
            email, for: id, organization: organization, request: request, at: now,
            deadline: deadline)
        } catch let error as PostgresError
          where error.constraint == Self.taken || error.constraint == Self.bound
        {
          continue
        }
      }
      throw IdentityError.emailOnPlatform
    }
  }

  private func reserve(
    _ email: EmailAddress?, for id: UUID, organization: UUID, request: RequestKey, at now: Date,
    deadline: Deadline
  ) async throws -> Account {
    let address = email?.normalized ?? ""
    let scope = Scope.both(organization: organization, account: id)
    let (accounts, holders, shared) = try await database.run(
      scope, deadline: deadline.instant, Self.byID(id),
      LoginIdentifiers.holder(IdentifierKind.email, address),
      Self.isShared(id, organization))
    guard var row = accounts.first else { throw IdentityError.accountNotFound }
    var changes: [AnyQuery] = []
    if email == nil || row.loginEmailNormalized != address {
      // Who made it may invite later; until then nothing but this says that it counts on it.
      guard row.state == .pending, row.createdBy == organization, shared.first != true else {
        throw IdentityError.loginEmailOwnedByHolder
      }
      // Whoever holds the address: the person is not to be reached where the links went.
      changes = [AnyQuery(Invitations.closeLinksElsewhere(id, address, now))]
      if let other = try Self.pendingHolder(holders) {
        row = try await get(other, deadline: deadline)
      } else {
        row.loginEmail = email?.raw
        row.loginEmailNormalized = email?.normalized
        changes += [
          AnyQuery(LoginIdentifiers.releaseReservedEmails(id, address)),
          AnyQuery(Self.touch(id, now)),
        ]
        if let email {
          changes.append(
            AnyQuery(
              LoginIdentifiers.insert(
                id, IdentifierKind.email, email.raw, address, row.professional, now)))
        }
      }
    }
    let answer = row.account(for: organization)
    try await database.run(
      scope, deadline: deadline.instant,
      all: [
        AnyQuery(idempotency.record(request.key, answer)),
        request.audit("account.reserve_email", on: "account", row.id, in: organization),
      ] + changes)
    return answer
  }

  /// The pending account that an address leads to; nil when the address is free. Throws when it is
  /// somebody's for good.
  private static func pendingHolder(_ holders: [HolderRow]) throws -> UUID? {
    switch holders.disposition {
    case .professional: throw IdentityError.emailProfessional
    case .onPlatform: throw IdentityError.emailOnPlatform
    case .available, .invalid, .refused: return holders.first?.accountID
    }
  }
}

/// An account with what signs in.
struct AccountRow: PostgresRow {
  let id: UUID
  let state: AccountStatus
  let givenName: String
  let familyName: String
  let displayName: String
  let language: String
  let professional: Bool
  let createdBy: UUID
  let createdAt: Date
  /// When the holder was first seen in the mobile app.
  let appSeenAt: Date?
  let username: String
  var loginEmail: String?
  var loginEmailNormalized: String?

  init(from columns: inout ColumnReader) throws(PostgresError) {
    id = try columns.next()
    state = try columns.next()
    givenName = try columns.next()
    familyName = try columns.next()
    displayName = try columns.next()
    language = try columns.next()
    professional = try columns.next()
    createdBy = try columns.next()
    createdAt = try columns.next()
    appSeenAt = try columns.next()
    username = try columns.next()
    loginEmail = try columns.next()
    loginEmailNormalized = try columns.next()
  }

  init(_ draft: PendingAccountDraft, id: UUID, username: String, at now: Date) {
    self.id = id
    state = .pending
    givenName = draft.givenName
    familyName = draft.familyName
    displayName = draft.displayName
    language = draft.language
    professional = draft.professional
    createdBy = draft.organizationID
    createdAt = now
    appSeenAt = nil
    self.username = username
    loginEmail = draft.email?.raw
    loginEmailNormalized = draft.email?.normalized
  }

  /// The account as an organisation may see it: how another one spells the person's name while
  /// nobody has activated the account is not its business (B43).
  func account(for organization: UUID) -> Account {
    var account = self.account
    if state == .pending, createdBy != organization { account.displayName = "" }
    return account
  }

  /// Texts about the person that a password must not consist of.
  var context: [String] {
    [givenName, familyName, username, String((loginEmail ?? "").prefix { $0 != "@" })]
  }

  /// The account on the wire.
  var account: Account {
    Account(
      accountID: id.text, state: state.onTheWire, username: username,
      loginEmail: loginEmail ?? "", displayName: displayName, language: language,
      createTime: Timestamp(createdAt), appSeenTime: appSeenAt.map { Timestamp($0) })
  }
}
