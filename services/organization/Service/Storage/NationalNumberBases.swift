import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import Postgres
import ServiceStorage

/// Why an organisation may keep national register numbers.
struct NationalNumberBasisRow: PostgresRow {
  let basis: String
  let recordedBy: UUID
  let recordedAt: PostgresTimestamp

  init(from columns: inout ColumnReader) throws(PostgresError) {
    basis = try columns.next()
    recordedBy = try columns.next()
    recordedAt = try columns.next()
  }

  init(basis: String, recordedBy: UUID, at moment: Date) {
    self.basis = basis
    self.recordedBy = recordedBy
    recordedAt = PostgresTimestamp(moment)
  }
}

extension OrganizationStorage {
  var nationalNumberBases: NationalNumberBases {
    NationalNumberBases(database: database, idempotency: idempotency)
  }
}

/// The table `national_number_bases`; what was recorded before is in the audit log.
struct NationalNumberBases: Table, Sendable {
  let database: Database
  let idempotency: Idempotency

  static let select = Statement<NationalNumberBasisRow>(
    """
    select basis, recorded_by, recorded_at from national_number_bases where organization_id = $1
    """)
  static let put = Statement<NoRow>(
    """
    insert into national_number_bases (organization_id, basis, recorded_by, recorded_at)
    values ($1, $2, $3, $4)
    on conflict on constraint national_number_bases_pkey do update set basis = excluded.basis,
      recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at
    """)
  static let remove = Statement<NoRow>(
    "delete from national_number_bases where organization_id = $1")
  static let statements: [any DescribedStatement] = [select, put, remove]
  static let faults: ConstraintFaults = [
    "national_number_bases_organization_fkey": OrganizationError.organizationNotFound
  ]

  /// What is recorded, or nil.
  func find(
    of organization: UUID, deadline: Deadline
  ) async throws -> NationalNumberBasisRow? {
    try await database.run(
      .organization(organization), deadline: deadline.instant, Self.select(organization)
    ).first
  }

  /// Records a basis, or takes back what is recorded.
  func set(_ row: NationalNumberBasisRow?, for intent: Intent) async throws -> NationalNumberBasis {
    let organization = intent.organization
    let change =
      row.map { Self.put(organization, $0.basis, $0.recordedBy, $0.recordedAt) }
      ?? Self.remove(organization)
    return try await Self.faults.blaming {
      try await idempotency.write(
        intent.key, scope: .organization(organization), deadline: intent.deadline,
        answer: NationalNumberBasis(row, of: organization), change,
        intent.audit(
          "organization.set_national_number_basis", on: "organization", organization,
          ["basis": row?.basis ?? ""]))
    }
  }
}
