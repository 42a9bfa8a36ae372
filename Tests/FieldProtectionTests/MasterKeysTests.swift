import Crypto
import Foundation
import Testing

@testable import FieldProtection

@Suite struct MasterKeysTests {
  private let organization = UUID.known("7")
  private let secret = (96..<128).map { UInt8($0) }
  private let first = MasterKey(id: "field-1", secret: (64..<96).map { UInt8($0) })
  private let second = MasterKey(id: "field-2", secret: Array(repeating: 7, count: 32))

  /// Computed with Python's cryptography.
  @Test("known answer: a wrapped key opens")
  func knownAnswer() throws {
    let wrapped = WrappedKey(
      purpose: .encryption, version: 3, masterKeyID: "field-1",
      bytes: bytes(
        """
        000102030405060708090a0b6e7c974de080e75fd39f48dcdcf8b81d307ced31411c806fc3ec9f52156c0799\
        82fbc6b2c44eca422281d0a3fbe6673e
        """))
    let key = try MasterKeys(current: first).unwrap(wrapped, of: organization, secret: secret)
    #expect(key.key.withUnsafeBytes { [UInt8]($0) } == (0..<32).map { UInt8($0) })
  }

  @Test("the current master key wraps, former ones still open")
  func rotation() throws {
    let key = DataKey(.encryption, version: 1)
    let old = try MasterKeys(current: first).wrap(key, of: organization, secret: secret)
    let both = MasterKeys(current: second, former: [first])
    let opened = try both.unwrap(old, of: organization, secret: secret)
    #expect(opened.key == key.key)
    let new = try both.wrap(opened, of: organization, secret: secret)
    #expect(new.masterKeyID == "field-2")
    let alone = MasterKeys(current: second)
    #expect(try alone.unwrap(new, of: organization, secret: secret).key == key.key)
    #expect(throws: ProtectionFailure.masterKeyUnknown("field-1")) {
      try alone.unwrap(old, of: organization, secret: secret)
    }
  }

  @Test("a wrapped key opens for its organisation, secret, purpose and version alone")
  func places() throws {
    let keys = MasterKeys(current: first)
    let wrapped = try keys.wrap(DataKey(.encryption, version: 1), of: organization, secret: secret)
    #expect(throws: ProtectionFailure.notAuthentic) {
      try keys.unwrap(wrapped, of: .known("9"), secret: secret)
    }
    #expect(throws: ProtectionFailure.notAuthentic) {
      try keys.unwrap(wrapped, of: organization, secret: Array(repeating: 0, count: 32))
    }
    for (purpose, version) in [(KeyPurpose.index, Int32(1)), (.encryption, 2)] {
      let moved = WrappedKey(
        purpose: purpose, version: version, masterKeyID: "field-1", bytes: wrapped.bytes)
      #expect(throws: ProtectionFailure.notAuthentic) {
        try keys.unwrap(moved, of: organization, secret: secret)
      }
    }
    for index in wrapped.bytes.indices {
      var bytes = wrapped.bytes
      bytes[index] ^= 1
      let altered = WrappedKey(
        purpose: .encryption, version: 1, masterKeyID: "field-1", bytes: bytes)
      #expect(throws: ProtectionFailure.notAuthentic) {
        try keys.unwrap(altered, of: organization, secret: secret)
      }
    }
  }

  private func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.count, by: 2).compactMap {
      UInt8(hex.dropFirst($0).prefix(2), radix: 16)
    }
  }
}
