import FieldProtection
import Foundation
import GRPC
import Postgres
import ServiceStorage

/// A data key of an organisation, as stored; `wrapped` is nil once it was destroyed.
struct DataKeyRow: PostgresRow {
  let wrapped: WrappedKey?
  /// How long it has been there, by the clock of the database.
  let age: Duration

  init(from columns: inout ColumnReader) throws(PostgresError) {
    let purpose = KeyPurpose(rawValue: try columns.next())
    let version = Int32(exactly: try columns.next(Int64.self))
    let masterKeyID = try columns.next(String.self)
    let bytes = try columns.next([UInt8]?.self)
    age = .seconds(try columns.next(Double.self))
    guard let purpose, let version else { throw .decoding("no such data key") }
    wrapped = bytes.map {
      WrappedKey(purpose: purpose, version: version, masterKeyID: masterKeyID, bytes: $0)
    }
  }
}

extension ClientDirectoryStorage {
  var dataKeys: DataKeys { DataKeys(database: database) }
}

/// The table `data_keys`: the keys of organisations, wrapped. See docs/field-protection.md.
struct DataKeys: Table, Sendable {
  let database: Database

  static let all = Statement<DataKeyRow>(
    """
    select purpose, version, master_key_id, wrapped,
      extract(epoch from now() - created_at)::float8
    from data_keys where organization_id = $1 order by purpose, version
    """)
  static let insert = Statement<NoRow>(
    """
    insert into data_keys (organization_id, purpose, version, master_key_id, wrapped)
    values ($1, $2, $3, $4, $5) on conflict do nothing
    """)
  /// Fails when there is one of its purpose and version.
  static let add = Statement<NoRow>(
    """
    insert into data_keys (organization_id, purpose, version, master_key_id, wrapped)
    values ($1, $2, $3, $4, $5)
    """)
  static let removeNextIndex = Statement<NoRow>(
    "delete from data_keys where organization_id = $1 and purpose = 3 and version = $2")
  static let statements: [any DescribedStatement] = [all, insert, add, removeNextIndex]

  /// Every key of an organisation, destroyed ones included.
  func all(of organization: UUID, deadline: Deadline) async throws -> [DataKeyRow] {
    try await database.run(
      .organization(organization), deadline: deadline.instant, Self.all(organization))
  }

  /// Stores keys, unless there are keys of their purpose and version.
  func insert(_ keys: [WrappedKey], of organization: UUID, deadline: Deadline) async throws {
    try await database.run(
      .organization(organization), deadline: deadline.instant,
      all: keys.map {
        AnyQuery(
          Self.insert(
            organization, $0.purpose.rawValue, Int64($0.version), $0.masterKeyID, $0.bytes))
      })
  }
}
