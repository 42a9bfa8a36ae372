import ClientDirectoryAPI
import Feed
import FieldProtection
import Foundation
import GRPC
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

/// A register number of a client, as stored.
struct IdentifierRow: PostgresRow {
  let clientID: UUID
  let kind: IdentifierKind
  let keyVersion: Int64
  let ciphertext: [UInt8]
  let index: BlindIndex
  let masked: String
  /// The etag; 0 while it is not stored.
  let version: Int64
  let createdAt: PostgresTimestamp
  let updatedAt: PostgresTimestamp

  /// As `init(from:)` reads them.
  static let columns = """
    client_id, kind, key_version, ciphertext, blind_index, next_index, masked, version, created_at,
    updated_at
    """

  init(from columns: inout ColumnReader) throws(PostgresError) {
    clientID = try columns.next()
    kind = IdentifierKind(rawValue: Int32(try columns.next(Int16.self)))
    keyVersion = try columns.next()
    ciphertext = try columns.next([UInt8].self)
    index = BlindIndex(
      bytes: try columns.next([UInt8].self), next: try columns.next([UInt8]?.self))
    masked = try columns.next()
    version = try columns.next()
    createdAt = try columns.next()
    updatedAt = try columns.next()
  }

  /// A number in the place of another, or of none.
  init(
    _ sealed: SealedNumber, of client: UUID, after former: IdentifierRow?, at moment: Date
  ) {
    clientID = client
    kind = sealed.kind
    keyVersion = Int64(sealed.keyVersion)
    ciphertext = sealed.ciphertext
    index = sealed.index
    masked = sealed.masked
    version = (former?.version ?? 0) + 1
    updatedAt = PostgresTimestamp(moment)
    createdAt = former?.createdAt ?? updatedAt
  }
}

extension ClientDirectoryStorage {
  var identifiers: Identifiers { Identifiers(database: database, idempotency: idempotency) }
}

/// The tables `identifiers` and `identifier_reveals`: register numbers, encrypted, and who has lately
/// read how many.
struct Identifiers: Table, Sendable {
  /// Most numbers that a person reads within an hour.
  static let revealsPerHour = 20

  let database: Database
  let idempotency: Idempotency

  static let select = Statement<IdentifierRow>(
    """
    select \(IdentifierRow.columns) from identifiers where organization_id = $1 and client_id = $2 order by kind
    """)
  static let holder = Statement<UUID>(
    """
    select client_id from identifiers
    where organization_id = $1 and kind = $2 and (blind_index = $3 or next_index = $4)
    """)
  static let put = Statement<NoRow>(
    """
    with written as (
      insert into identifiers as i (organization_id, client_id, kind, key_version, ciphertext,
        blind_index, next_index, masked, version, created_at, updated_at)
      values ($1, $2, $3, $4, $5, $6, $10, $7, 1, $8, $8)
      on conflict on constraint identifiers_pkey do update set key_version = excluded.key_version,
        ciphertext = excluded.ciphertext, blind_index = excluded.blind_index,
        next_index = excluded.next_index, masked = excluded.masked, version = i.version + 1, updated_at = excluded.updated_at
      where i.version = $9
      returning 1
    )
    select demand_change((select count(*) from written))
    """)
  static let remove = Statement<NoRow>(
    """
    with gone as (
      delete from identifiers
      where organization_id = $1 and client_id = $2 and kind = $3 and version = $4
      returning 1
    )
    select demand_change((select count(*) from gone))
    """)
  /// Keeps the latest moments in order, and takes one more once the first of a full row is old.
  static let count = Statement<NoRow>(
    """
    with counted as (
      insert into identifier_reveals as r (organization_id, account_id, moments)
      values ($1, $2, array[$3::timestamptz])
      on conflict on constraint identifier_reveals_pkey do update
      set moments = r.moments[cardinality(r.moments) - $5 + 2:] || excluded.moments
      where cardinality(r.moments) < $5 or r.moments[1] <= $4::timestamptz
      returning 1
    )
    select demand_quota((select count(*) from counted))
    """)
  static let statements: [any DescribedStatement] = [select, holder, put, remove, count]
  static let faults: ConstraintFaults = [
    "identifiers_blind_index_key": ClientDirectoryError.identifierInThisOrganization,
    "identifiers_next_index_key": ClientDirectoryError.identifierInThisOrganization,
    "identifiers_client_fkey": ClientDirectoryError.clientNotFound,
  ]
  /// Raised by `demand_quota`.
  static let quotaState = "CD002"

  /// The numbers of a client, by kind.
  func all(
    of client: UUID, in organization: UUID, deadline: Deadline
  ) async throws -> [IdentifierRow] {
    try await database.run(
      .organization(organization), deadline: deadline.instant, Self.select(organization, client))
  }

  /// The client who has a number, or nil; on record either way.
  func holder(
    _ kind: IdentifierKind, _ index: BlindIndex, in call: CallContext
  ) async throws -> UUID? {
    let organization = try call.organization()
    let scope = Scope.organization(organization)
    let holder = try await database.run(
      scope, deadline: call.deadline.instant,
      Self.holder(organization, Int16(kind.rawValue), index.bytes, index.next)
    ).first
    try await database.run(
      scope, deadline: call.deadline.instant,
      all: [
        Audit.append(
          AuditEntry(
            "identifier.find", on: "client", holder, in: organization, by: AuditActor(call),
            detail: ["kind": kind.protoName ?? ""]))
      ])
    return holder
  }

  /// Stores a number. Throws ALREADY_EXISTS/IDENTIFIER_IN_THIS_ORG, and ABORTED/STALE_ETAG when
  /// somebody was faster.
  func put(_ row: IdentifierRow, for intent: Intent) async throws -> Identifier {
    try await write(
      row.kind, of: row.clientID, isSet: true, answer: Identifier(row), for: intent,
      Self.put(
        intent.organization, row.clientID, Int16(row.kind.rawValue), row.keyVersion,
        row.ciphertext, row.index.bytes, row.masked, row.updatedAt, row.version - 1,
        row.index.next))
  }

  /// Removes a number. Throws ABORTED/STALE_ETAG when somebody was faster.
  func remove(_ row: IdentifierRow, for intent: Intent) async throws -> DeleteIdentifierResponse {
    try await write(
      row.kind, of: row.clientID, isSet: false, answer: DeleteIdentifierResponse(), for: intent,
      Self.remove(intent.organization, row.clientID, Int16(row.kind.rawValue), row.version))
  }

  private func write<Answer: Message>(
    _ kind: IdentifierKind, of client: UUID, isSet: Bool, answer: Answer, for intent: Intent,
    _ change: Query<NoRow>
  ) async throws -> Answer {
    let news = Events.append(
      kind: "client.identifier_changed", organization: intent.organization, aggregate: client,
      payload: IdentifierChanged(clientID: client.text, kind: kind, isSet: isSet).serialized())
    do {
      return try await idempotency.write(
        intent.key, scope: .organization(intent.organization), deadline: intent.deadline,
        answer: answer, change, news,
        intent.audit(
          isSet ? "identifier.set" : "identifier.delete", on: "client", client,
          ["kind": kind.protoName ?? ""]))
    } catch let error as PostgresError {
      if error.sqlState == Clients.staleState { throw ClientDirectoryError.staleETag }
      throw Self.faults.translate(error)
    }
  }

  /// Puts on record that the caller reads a number in full, and why. Throws RESOURCE_EXHAUSTED/QUOTA,
  /// with nothing on record.
  func recordReveal(
    _ row: IdentifierRow, because reason: String, at moment: Date, in call: CallContext
  ) async throws {
    let organization = try call.organization()
    do {
      try await database.run(
        .organization(organization), deadline: call.deadline.instant,
        all: [
          AnyQuery(
            Self.count(
              organization, try call.caller().accountID, moment, moment - 3600,
              Int32(Self.revealsPerHour))),
          Audit.append(
            AuditEntry(
              "identifier.reveal", on: "client", row.clientID, in: organization,
              by: AuditActor(call),
              detail: ["kind": row.kind.protoName ?? "", "reason": reason])),
        ])
    } catch let error as PostgresError where error.sqlState == Self.quotaState {
      throw ClientDirectoryError.revealQuota
    }
  }
}
