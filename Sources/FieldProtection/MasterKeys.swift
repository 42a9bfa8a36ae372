import Crypto
public import Foundation

/// A key-encryption key, from a file that one service reads.
public struct MasterKey: Sendable {
  /// The name of its file, such as `field-1`.
  public let id: String
  private let key: SymmetricKey

  /// - Parameter secret: 32 bytes or more.
  public init(id: String, secret: [UInt8]) {
    self.id = id
    key = SymmetricKey(data: secret)
  }

  /// What wraps the data keys of an organisation: of the master key and of the organisation's secret,
  /// so that neither opens anything alone.
  fileprivate func wrappingKey(of organization: UUID, secret: [UInt8]) -> SymmetricKey {
    HKDF<SHA256>.deriveKey(
      inputKeyMaterial: key, salt: secret,
      info: LabelBytes("clientele wrapping key v1").adding(organization).bytes,
      outputByteCount: 32)
  }
}

/// What a data key is for.
public enum KeyPurpose: Int16, Sendable, Hashable {
  /// Values are encrypted with it.
  case encryption = 1
  /// Blind indexes are made with it.
  case index = 2
  /// Blind indexes are made with it too: it is about to take the place of `index`. A purpose of its
  /// own, so that code that knows no rotation of indexes refuses instead of taking it for the newest.
  case nextIndex = 3
}

/// A data key as it is stored.
public struct WrappedKey: Sendable, Hashable {
  /// What it is for.
  public let purpose: KeyPurpose
  /// From 1.
  public let version: Int32
  /// Which master key wraps it.
  public let masterKeyID: String
  /// Nonce, ciphertext and tag.
  public let bytes: [UInt8]

  /// As read from the table.
  public init(purpose: KeyPurpose, version: Int32, masterKeyID: String, bytes: [UInt8]) {
    self.purpose = purpose
    self.version = version
    self.masterKeyID = masterKeyID
    self.bytes = bytes
  }
}

/// A data key in the clear; in memory alone.
public struct DataKey: Sendable {
  /// What it is for.
  public let purpose: KeyPurpose
  /// From 1.
  public let version: Int32
  let key: SymmetricKey

  /// A new one, at random.
  public init(_ purpose: KeyPurpose, version: Int32) {
    self.init(purpose, version: version, key: SymmetricKey(size: .bits256))
  }

  init(_ purpose: KeyPurpose, version: Int32, key: SymmetricKey) {
    self.purpose = purpose
    self.version = version
    self.key = key
  }

  /// The same key and version for another purpose.
  public func serving(_ purpose: KeyPurpose) -> DataKey {
    DataKey(purpose, version: version, key: key)
  }
}

/// The master keys that are configured: the current one wraps, all of them open.
public struct MasterKeys: Sendable {
  /// The one that wraps.
  public let current: MasterKey
  private let byID: [String: MasterKey]

  /// - Parameter former: what wrapped before, as long as something wrapped by it is left.
  public init(current: MasterKey, former: [MasterKey] = []) {
    self.current = current
    byID = Dictionary(([current] + former).map { ($0.id, $0) }) { first, _ in first }
  }

  /// Wraps a data key by the current master key.
  /// - Parameter secret: the organisation's own.
  public func wrap(
    _ dataKey: DataKey, of organization: UUID, secret: [UInt8]
  ) throws -> WrappedKey {
    let plain = dataKey.key.withUnsafeBytes { [UInt8]($0) }
    let box = try AES.GCM.seal(
      plain, using: current.wrappingKey(of: organization, secret: secret),
      authenticating: Self.label(dataKey.purpose, dataKey.version, organization, current.id))
    guard let combined = box.combined else { throw ProtectionFailure.notAuthentic }
    return WrappedKey(
      purpose: dataKey.purpose, version: dataKey.version, masterKeyID: current.id,
      bytes: [UInt8](combined))
  }

  /// Opens a stored data key. Throws `ProtectionFailure`.
  public func unwrap(
    _ wrapped: WrappedKey, of organization: UUID, secret: [UInt8]
  ) throws(ProtectionFailure) -> DataKey {
    guard let master = byID[wrapped.masterKeyID] else {
      throw .masterKeyUnknown(wrapped.masterKeyID)
    }
    let label = Self.label(wrapped.purpose, wrapped.version, organization, master.id)
    do {
      let plain = try AES.GCM.open(
        AES.GCM.SealedBox(combined: wrapped.bytes),
        using: master.wrappingKey(of: organization, secret: secret), authenticating: label)
      return DataKey(
        wrapped.purpose, version: wrapped.version, key: SymmetricKey(data: plain))
    } catch {
      throw .notAuthentic
    }
  }

  private static func label(
    _ purpose: KeyPurpose, _ version: Int32, _ organization: UUID, _ master: String
  ) -> [UInt8] {
    LabelBytes("clientele data key v1").adding(organization).adding(Int32(purpose.rawValue))
      .adding(version).adding(master).bytes
  }
}
