import Crypto
public import Foundation

/// The keys of one organisation, in the clear: encrypts, opens and indexes its fields.
///
/// A ciphertext is one byte of format, four of the key's version, twelve of nonce, the encrypted bytes
/// and sixteen of tag. It opens for its organisation, table, column and row alone. Nonces are random:
/// rotate a key before it has encrypted 2³² values.
public struct OrganizationKeys: Sendable {
  /// Whose they are.
  public let organization: UUID
  /// The version that encrypts.
  public let currentVersion: Int32
  /// The version that makes indexes.
  public let indexVersion: Int32
  /// The version that makes a second index of each value, because it is about to take the place of
  /// the first; nil but for a rotation.
  public let nextIndexVersion: Int32?
  private let data: [Int32: SymmetricKey]
  private let index: SymmetricKey
  private let nextIndex: SymmetricKey?
  private let formerIndexes: [SymmetricKey]

  private static let format: UInt8 = 1
  private static let headerBytes = 5
  private static let nonceBytes = 12
  private static let tagBytes = 16

  /// Nil unless there is a key that encrypts and one that makes indexes; of each the newest counts.
  public init?(of organization: UUID, _ keys: [DataKey]) {
    let data = keys.filter { $0.purpose == .encryption }
    let indexes = keys.filter { $0.purpose == .index }.sorted { $0.version > $1.version }
    guard let current = data.map(\.version).max(), let index = indexes.first else { return nil }
    let next = keys.filter { $0.purpose == .nextIndex }.max { $0.version < $1.version }
    self.organization = organization
    currentVersion = current
    indexVersion = index.version
    nextIndexVersion = next?.version
    self.data = Dictionary(data.map { ($0.version, $0.key) }) { first, _ in first }
    self.index = index.key
    nextIndex = next?.key
    formerIndexes = indexes.dropFirst().map(\.key)
  }

  /// Encrypts a value for its place.
  /// - Parameter row: the row's id.
  public func seal(_ value: [UInt8], in field: ProtectedField, row: UUID) throws -> [UInt8] {
    try seal(value, in: field, row: row, nonce: AES.GCM.Nonce())
  }

  func seal(
    _ value: [UInt8], in field: ProtectedField, row: UUID, nonce: AES.GCM.Nonce
  ) throws -> [UInt8] {
    let key = try key(currentVersion, field)
    let box = try AES.GCM.seal(
      value, using: key, nonce: nonce, authenticating: place(field, row, currentVersion))
    return [Self.format] + currentVersion.bigEndianBytes + [UInt8](box.nonce)
      + [UInt8](box.ciphertext) + [UInt8](box.tag)
  }

  /// The version of the key that opens a value; nil for what is none.
  public static func keyVersion(of sealed: [UInt8]) -> Int32? {
    guard sealed.count >= headerBytes + nonceBytes + tagBytes, sealed[0] == format else {
      return nil
    }
    return sealed[1..<headerBytes].reduce(0) { $0 << 8 | Int32($1) }
  }

  /// Opens a value in its place. Throws `ProtectionFailure`, also for a value of another place.
  public func open(
    _ sealed: [UInt8], in field: ProtectedField, row: UUID
  ) throws(ProtectionFailure) -> [UInt8] {
    guard let version = Self.keyVersion(of: sealed) else { throw .notAuthentic }
    let key = try key(version, field)
    do {
      let box = try AES.GCM.SealedBox(combined: sealed[Self.headerBytes...])
      return [UInt8](
        try AES.GCM.open(box, using: key, authenticating: place(field, row, version)))
    } catch {
      throw .notAuthentic
    }
  }

  /// What stands for a value where it is looked for: the same for the same value of an organisation's
  /// field, and worth nothing without the key.
  public func blindIndex(_ normalized: String, of field: ProtectedField) -> BlindIndex {
    BlindIndex(
      bytes: code(normalized, field, index), next: nextIndex.map { code(normalized, field, $0) })
  }

  /// What other versions of the key make of a value, the next one's first: what stands for it where
  /// an older or a newer process wrote it.
  public func otherIndexes(_ normalized: String, of field: ProtectedField) -> [[UInt8]] {
    ((nextIndex.map { [$0] } ?? []) + formerIndexes).map { code(normalized, field, $0) }
  }

  private func code(
    _ normalized: String, _ field: ProtectedField, _ index: SymmetricKey
  ) -> [UInt8] {
    let key = derived(index, "clientele blind index v1", field)
    return [UInt8](HMAC<SHA256>.authenticationCode(for: Data(normalized.utf8), using: key))
  }

  private func key(
    _ version: Int32, _ field: ProtectedField
  ) throws(ProtectionFailure) -> SymmetricKey {
    guard let key = data[version] else { throw .dataKeyUnknown(version) }
    return derived(key, "clientele field key v1", field)
  }

  private func derived(
    _ key: SymmetricKey, _ purpose: String, _ field: ProtectedField
  ) -> SymmetricKey {
    HKDF<SHA256>.deriveKey(
      inputKeyMaterial: key,
      info: LabelBytes(purpose).adding(organization).adding(field.table).adding(field.column).bytes,
      outputByteCount: 32)
  }

  private func place(_ field: ProtectedField, _ row: UUID, _ version: Int32) -> [UInt8] {
    LabelBytes("clientele field v1").adding(organization).adding(field.table)
      .adding(field.column).adding(row).adding(version).bytes
  }
}

/// What stands for a value where it is looked for.
public struct BlindIndex: Sendable, Hashable {
  /// HMAC-SHA-256, 32 bytes.
  public let bytes: [UInt8]
  /// The same by the key that is about to take the other's place; nil but for a rotation.
  public let next: [UInt8]?

  /// As stored.
  public init(bytes: [UInt8], next: [UInt8]?) {
    self.bytes = bytes
    self.next = next
  }

  /// Whether both stand for one value, when either may be older than a step of a rotation.
  public func matches(_ other: BlindIndex) -> Bool {
    bytes == other.bytes || (next != nil && next == other.next)
  }
}
