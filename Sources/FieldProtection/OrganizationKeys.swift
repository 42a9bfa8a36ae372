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
  private let data: [Int32: SymmetricKey]
  private let index: SymmetricKey

  private static let format: UInt8 = 1
  private static let headerBytes = 5
  private static let nonceBytes = 12
  private static let tagBytes = 16

  /// Nil unless there is a key for either purpose; of each the newest counts.
  public init?(of organization: UUID, _ keys: [DataKey]) {
    let data = keys.filter { $0.purpose == .encryption }
    guard let current = data.map(\.version).max(),
      let index = keys.filter({ $0.purpose == .index }).max(by: { $0.version < $1.version })
    else { return nil }
    self.organization = organization
    currentVersion = current
    self.data = Dictionary(data.map { ($0.version, $0.key) }) { first, _ in first }
    self.index = index.key
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
  public func blindIndex(_ normalized: String, of field: ProtectedField) -> [UInt8] {
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
