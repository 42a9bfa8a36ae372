import ClientDirectoryAPI
import FieldProtection
public import Foundation
import GRPC
public import Postgres
import ServiceStorage

/// What an operator sees and does of the organisations' keys. See docs/field-protection.md.
public struct KeyDesk: Table, Sendable {
  static let owners = Statement<KeyOwner>(
    """
    select organization_id, coalesce(max(version) filter (where purpose = 1), 0),
      coalesce(max(version) filter (where purpose = 2), 0),
      max(version) filter (where purpose = 3),
      array_agg(distinct master_key_id), max(destroyed_at)
    from data_keys group by organization_id order by organization_id
    """)
  static let behind = Statement<Int>(
    """
    select count(*) from identifiers where organization_id = $1 and key_version < $2
    """)
  static let twice = Statement<Int>(
    "select count(*) from identifiers where organization_id = $1 and next_index is not null")
  static let rewrap = Statement<NoRow>(
    """
    update data_keys set master_key_id = $4, wrapped = $5
    where organization_id = $1 and purpose = $2 and version = $3 and destroyed_at is null
    """)
  static let destroy = Statement<NoRow>(
    """
    update data_keys set wrapped = null, destroyed_at = now()
    where organization_id = $1 and destroyed_at is null
    """)
  /// Every number, page by page.
  static let walk = Statement<WalkedIdentifier>(
    """
    select organization_id, client_id, kind, ciphertext, blind_index, masked, next_index
    from identifiers
    where (organization_id, client_id, kind) > ($1, $2, $3)
    order by organization_id, client_id, kind limit $4
    """)
  /// For the test that describes each statement.
  public static let statements: [any DescribedStatement] = [
    owners, behind, twice, rewrap, destroy, walk,
  ]

  let database: Database
  let files: FieldProtectionFiles?

  /// - Parameters:
  ///   - database: connected as a superuser whose `search_path` is client-directory's schema.
  ///   - files: as client-directory has them; needed for all but listing.
  public init(database: Database, files: FieldProtectionFiles?) {
    self.database = database
    self.files = files
  }

  /// Why something was not done.
  public struct Refusal: Error, CustomStringConvertible, Hashable {
    /// In words for an operator.
    public let description: String
  }

  private static let filesMissing = Refusal(description: "the key files are not named")

  // MARK: Seeing

  /// Every organisation that has keys, or had, with how many numbers an older version encrypted, and how
  /// many have a second index.
  public func owners() async throws -> [(owner: KeyOwner, behind: Int, twice: Int)] {
    var list: [(owner: KeyOwner, behind: Int, twice: Int)] = []
    let rows: [KeyOwner] = try await database.run(.none, Self.owners())
    for owner in rows {
      let (behind, twice) = try await database.run(
        .none, Self.behind(owner.organizationID, owner.version), Self.twice(owner.organizationID))
      list.append((owner: owner, behind: behind.first ?? 0, twice: twice.first ?? 0))
    }
    return list
  }

  // MARK: Rotation

  /// Wraps every data key by the current master key that another wraps. Answers how many there were.
  /// Services must know both master keys.
  public func rewrap() async throws -> Int {
    guard let files else { throw Self.filesMissing }
    var count = 0
    let rows: [KeyOwner] = try await database.run(.none, Self.owners())
    for owner in rows where owner.destroyedAt == nil {
      let organization = owner.organizationID
      let old = try await wrapped(of: organization).filter {
        $0.masterKeyID != files.masterKeys.current.id
      }
      guard !old.isEmpty else { continue }
      let secret = try secret(of: organization, files)
      var queries = [record("data_key.rewrap", of: organization, ["keys": "\(old.count)"])]
      for key in old {
        let opened = try files.masterKeys.unwrap(key, of: organization, secret: secret)
        let new = try files.masterKeys.wrap(opened, of: organization, secret: secret)
        queries.append(
          AnyQuery(
            Self.rewrap(
              organization, new.purpose.rawValue, Int64(new.version), new.masterKeyID, new.bytes)))
      }
      try await database.run(.none, all: queries)
      count += old.count
    }
    return count
  }

  /// Gives an organisation a new version of the key that encrypts, and has the service encrypt with it
  /// what an older one encrypted. Answers the version.
  public func rotate(_ organization: UUID) async throws -> Int32 {
    guard let files else { throw Self.filesMissing }
    let version = try Self.version(after: .encryption, try await wrapped(of: organization))
    let job = ReencryptionJob(version: version, since: Date())
    try await add(
      DataKey(.encryption, version: version), of: organization, files,
      try Jobs.enqueue(
        Reencryption.kind, id: UUID(), organization: organization, job, key: "\(version)"))
    return version
  }

  /// Gives an organisation a new version of the key of indexes, and has the service put it in the
  /// place of the one there is, step by step. Answers the version. Every process must know of such
  /// rotations.
  public func rotateIndexes(_ organization: UUID) async throws -> Int32 {
    guard let files else { throw Self.filesMissing }
    let keys = try await wrapped(of: organization)
    func job(_ version: Int32) throws -> Query<NoRow> {
      try Jobs.enqueue(
        IndexRotation.kind, id: UUID(), organization: organization, NoPayload(), key: "\(version)")
    }
    if let next = keys.first(where: { $0.purpose == .nextIndex }) {
      // Unless somebody dropped its job, this changes nothing.
      try await database.run(.none, try job(next.version))
      throw Refusal(description: "version \(next.version) is still taking the indexes over")
    }
    let version = try Self.version(after: .index, keys)
    try await add(
      DataKey(.nextIndex, version: version), of: organization, files, try job(version))
    return version
  }

  private static func version(after purpose: KeyPurpose, _ keys: [WrappedKey]) throws -> Int32 {
    let latest = keys.filter { $0.purpose == purpose }.map(\.version).max()
    guard let latest, latest < .max else {
      throw Refusal(description: "the organisation has no keys")
    }
    return latest + 1
  }

  /// Another rotation at this moment fails on the key of the table.
  private func add(
    _ key: DataKey, of organization: UUID, _ files: FieldProtectionFiles, _ job: Query<NoRow>
  ) async throws {
    let key = try files.masterKeys.wrap(
      key, of: organization, secret: try secret(of: organization, files))
    try await database.run(
      .none,
      all: [
        AnyQuery(
          DataKeys.add(
            organization, key.purpose.rawValue, Int64(key.version), key.masterKeyID, key.bytes)),
        AnyQuery(job),
        record(
          key.purpose == .encryption ? "data_key.rotate" : "data_key.rotate_indexes",
          of: organization, ["version": "\(key.version)"]),
      ])
  }

  // MARK: Destroying

  /// Destroys the keys of an organisation for good: the rows, then its secret. Doing so again finishes
  /// what was begun. Answers whether there was anything.
  public func destroy(_ organization: UUID) async throws -> Bool {
    guard let files else { throw Self.filesMissing }
    let rows = try await database.run(.none, DataKeys.all(organization))
    if rows.contains(where: { $0.wrapped != nil }) {
      try await database.run(
        .none,
        all: [
          AnyQuery(Self.destroy(organization)),
          record("data_key.destroy", of: organization, ["keys": "\(rows.count)"]),
        ])
    }
    return try files.secrets.destroy(of: organization) || !rows.isEmpty
  }

  private func wrapped(of organization: UUID) async throws -> [WrappedKey] {
    let rows = try await database.run(.none, DataKeys.all(organization))
    let keys = rows.compactMap(\.wrapped)
    guard keys.count == rows.count else {
      throw Refusal(description: "the organisation's keys were destroyed")
    }
    return keys
  }

  private func secret(of organization: UUID, _ files: FieldProtectionFiles) throws -> [UInt8] {
    guard let secret = try files.secrets.secret(of: organization) else {
      throw Refusal(description: "the folder has no secret of \(organization.uuidString)")
    }
    return secret
  }

  private func record(
    _ action: String, of organization: UUID, _ detail: [String: String]
  ) -> AnyQuery {
    Audit.append(
      AuditEntry(
        action, on: "organization", organization, in: organization, by: .background("operator"),
        detail: detail))
  }
}

/// The keys of an organisation as an operator sees them.
public struct KeyOwner: PostgresRow, Sendable {
  /// Whose they are.
  public let organizationID: UUID
  /// The version that encrypts.
  public let version: Int64
  /// The version that makes indexes.
  public let indexVersion: Int64
  /// The version that is about to.
  public let nextIndexVersion: Int64?
  /// Which master keys wrap.
  public let masterKeyIDs: [String]
  /// When they were destroyed.
  public let destroyedAt: Date?

  public init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    version = try columns.next()
    indexVersion = try columns.next()
    nextIndexVersion = try columns.next()
    masterKeyIDs = try columns.next()
    destroyedAt = try columns.next()
  }
}
