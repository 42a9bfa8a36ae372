import Foundation
import GRPC
import Postgres
import ServiceKit
import ServiceStorage

extension IdentityStorage {
  var probes: EmailProbes { EmailProbes(database: database) }
}

/// Who asked about which address, and how often: the table `email_probes`.
struct EmailProbes: Table, Sendable {
  let database: Database

  /// Questions of one organisation are counted one after the other, or many asked at once would
  /// each find the quota unspent.
  private static let takeTurn = Statement<NoRow>(
    "select from pg_advisory_xact_lock(hashtextextended($1::text, 0))", writes: true)
  private static let record = Statement<IdentifierDisposition.Row>(
    """
    insert into email_probes (organization_id, probe_id, account_id, identifier_hash, disposition,
      probed_at)
    select $1, $2, $3, $4, case when hits.own >= $7 or hits.everybody >= $8
      then 'REFUSED' else $5 end, $6
    from (
      select count(*) filter (
          where account_id = $3 and probed_at > $6::timestamptz - interval '1 hour') as own,
        count(*) as everybody
      from email_probes
      where organization_id = $1 and probed_at > $6::timestamptz - interval '1 day'
        and disposition in ('ON_PLATFORM', 'PROFESSIONAL')
    ) as hits
    returning disposition
    """)
  static let statements: [any DescribedStatement] = [takeTurn, record]

  /// Says what an identifier would mean, on record. Throws QUOTA when too many hits were told
  /// already; then nothing is said of this one, taken or not.
  func probe(
    _ name: SignInName?, fingerprint: [UInt8], by account: UUID, in organization: UUID,
    limits: IdentityLimits, at now: Date, call: CallContext
  ) async throws -> IdentifierDisposition {
    let deadline = call.deadline
    let holders = try await database.run(
      .none, deadline: deadline.instant,
      LoginIdentifiers.holder(name?.kind ?? .email, name?.normalized ?? ""))
    let found = name == nil ? IdentifierDisposition.invalid : holders.disposition
    let (_, told) = try await database.run(
      .organization(organization), deadline: deadline.instant,
      Self.takeTurn(organization.text),
      Self.record(
        organization, UUIDv7.make(at: now), account, fingerprint, found, now,
        limits.probeHitsPerHour, limits.probeHitsPerDay))
    guard let disposition = told.first?.value, disposition != .refused else {
      throw IdentityError.quota(retryAfter: 3600)
    }
    // Not in one go with the question: a refused one leaves its row in `email_probes` alone.
    try await database.run(
      .organization(organization), deadline: deadline.instant,
      all: [
        Audit.append(
          AuditEntry(
            "identifier.check", on: "identifier", nil, in: organization, by: AuditActor(call),
            detail: ["told": disposition.rawValue]))
      ])
    return disposition
  }
}

extension IdentifierDisposition {
  /// A single column.
  struct Row: PostgresRow {
    let value: IdentifierDisposition

    init(from columns: inout ColumnReader) throws(PostgresError) {
      value = try columns.next()
    }
  }
}
