public import FieldProtection
import Foundation
import GRPC
import Logging
public import ServiceKit

/// What protects fields and stands outside the database: the master keys, and a secret for each
/// organisation.
public struct FieldProtectionFiles: Sendable {
  /// They wrap the organisations' keys.
  public let masterKeys: MasterKeys
  /// Each organisation's part.
  public let secrets: OrganizationSecrets

  /// Joins the two.
  public init(masterKeys: MasterKeys, secrets: OrganizationSecrets) {
    self.masterKeys = masterKeys
    self.secrets = secrets
  }

  /// - Parameters:
  ///   - files: paths of master keys separated by commas, the current one first.
  ///   - folder: of the organisations' secrets.
  /// - Throws: `KeyFiles.Unusable`; `ProtectionFailure`.
  public init(files: String, folder: String) throws {
    let keys = try files.split(separator: ",").map(String.init).map {
      MasterKey(id: KeyFiles.keyID($0), secret: try KeyFiles.secret($0))
    }
    guard let current = keys.first else { throw ProtectionFailure.masterKeyUnknown(files) }
    self.init(
      masterKeys: MasterKeys(current: current, former: Array(keys.dropFirst())),
      secrets: try OrganizationSecrets(folder: folder))
  }
}

extension Rig {
  /// What `CLIENTELE_FIELD_KEYS`, key files with the current one first, and `CLIENTELE_FIELD_SECRETS`,
  /// a folder, name; nil with neither. Throws `ServiceSettings.Invalid` for one alone, and for what
  /// cannot be used.
  public mutating func fieldProtection() throws -> FieldProtectionFiles? {
    let files = settings.optional("CLIENTELE_FIELD_KEYS")
    let folder = settings.optional("CLIENTELE_FIELD_SECRETS")
    if files == nil, folder == nil {
      logger.warning("CLIENTELE_FIELD_KEYS is not set: register numbers are refused")
      return nil
    }
    if files == nil { settings.note("CLIENTELE_FIELD_KEYS is missing: files of the master keys") }
    if folder == nil { settings.note("CLIENTELE_FIELD_SECRETS is missing: folder of the secrets") }
    var protection: FieldProtectionFiles?
    if let files, let folder {
      protection = settings.attempt { try FieldProtectionFiles(files: files, folder: folder) }
    }
    try settings.check()
    return protection
  }
}

/// The organisations' keys, opened when they are needed and kept for a moment.
struct FieldKeyring: Sendable {
  /// How long a process may go on with the keys it has opened, after a new version was made or all
  /// were destroyed.
  static let life = Duration.seconds(10)

  let files: FieldProtectionFiles?
  let table: DataKeys
  private let opened: RecentValues<OrganizationKeys>

  init(files: FieldProtectionFiles?, table: DataKeys, life: Duration = FieldKeyring.life) {
    self.files = files
    self.table = table
    opened = RecentValues(life: life)
  }

  /// The keys of an organisation, made now when it has none. Throws
  /// FAILED_PRECONDITION/IDENTIFIER_KEYS_MISSING or IDENTIFIER_KEYS_DESTROYED.
  /// - Parameters:
  ///   - version: read afresh unless they are at least of this one.
  ///   - makes: false where something must be encrypted already.
  func keys(
    of organization: UUID, deadline: Deadline, version: Int32 = 1, makes: Bool = true
  ) async throws -> OrganizationKeys {
    if let keys = opened.value(of: organization), keys.currentVersion >= version { return keys }
    return try await naming { files in
      var rows = try await table.all(of: organization, deadline: deadline)
      if rows.isEmpty, makes {
        try await make(for: organization, files, deadline)
        rows = try await table.all(of: organization, deadline: deadline)
      }
      let keys = try Self.open(rows, of: organization, files)
      opened.remember(keys, of: organization)
      return keys
    }
  }

  /// The keys that rows just read hold; they are not kept.
  func keys(in rows: [DataKeyRow], of organization: UUID) async throws -> OrganizationKeys {
    try await naming { try Self.open(rows, of: organization, $0) }
  }

  private func naming<Answer>(
    _ body: (FieldProtectionFiles) async throws -> Answer
  ) async throws -> Answer {
    guard let files else {
      throw ClientDirectoryError.identifierKeysMissing("this service has no field keys")
    }
    do {
      return try await body(files)
    } catch let failure as ProtectionFailure {
      throw ClientDirectoryError.identifierKeysMissing(failure.words)
    }
  }

  /// Opens a value; with a key that another process made a moment ago as well.
  func open(
    _ sealed: [UInt8], in field: ProtectedField, row: UUID, of organization: UUID,
    deadline: Deadline
  ) async throws -> [UInt8] {
    let keys = try await keys(of: organization, deadline: deadline, makes: false)
    do {
      return try keys.open(sealed, in: field, row: row)
    } catch .dataKeyUnknown {
      opened.forget(organization)
      return try await self.keys(of: organization, deadline: deadline)
        .open(sealed, in: field, row: row)
    }
  }

  /// Stores the next key of indexes as the one of indexes. Who does so twice does it once.
  func promote(_ next: WrappedKey, of organization: UUID, deadline: Deadline) async throws {
    try await naming { files in
      let secret = try Self.secret(of: organization, files)
      let key = try files.masterKeys.unwrap(next, of: organization, secret: secret)
      let wrapped = try files.masterKeys.wrap(
        key.serving(.index), of: organization, secret: secret)
      try await table.insert([wrapped], of: organization, deadline: deadline)
    }
  }

  /// Another process may do the same at this moment: the rows of the first count, and both wrap with
  /// one secret.
  private func make(
    for organization: UUID, _ files: FieldProtectionFiles, _ deadline: Deadline
  ) async throws {
    let secret = try await files.secrets.make(for: organization)
    let keys = try [KeyPurpose.encryption, .index].map {
      try files.masterKeys.wrap(DataKey($0, version: 1), of: organization, secret: secret)
    }
    try await table.insert(keys, of: organization, deadline: deadline)
  }

  private static func open(
    _ rows: [DataKeyRow], of organization: UUID, _ files: FieldProtectionFiles
  ) throws -> OrganizationKeys {
    let wrapped = rows.compactMap(\.wrapped)
    guard wrapped.count == rows.count else { throw ClientDirectoryError.identifierKeysDestroyed }
    let secret = try secret(of: organization, files)
    let keys = try wrapped.map {
      try files.masterKeys.unwrap($0, of: organization, secret: secret)
    }
    guard let opened = OrganizationKeys(of: organization, keys) else {
      throw ClientDirectoryError.identifierKeysMissing("the organisation lacks a key")
    }
    return opened
  }

  private static func secret(
    of organization: UUID, _ files: FieldProtectionFiles
  ) throws -> [UInt8] {
    guard let secret = try files.secrets.secret(of: organization) else {
      throw ClientDirectoryError.identifierKeysMissing("the organisation's secret is not here")
    }
    return secret
  }
}

extension ProtectionFailure {
  /// For an operator.
  fileprivate var words: String {
    switch self {
    case .notAuthentic: "a key of the organisation does not open with its secret"
    case .dataKeyUnknown(let version): "the organisation lacks version \(version) of its key"
    case .masterKeyUnknown(let id): "the master key \(id) is not configured"
    case .secretsUnusable(let why): why
    }
  }
}
