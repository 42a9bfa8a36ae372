import Crypto
import Foundation
import Testing

@testable import FieldProtection

@Suite struct OrganizationKeysTests {
  private let organization = UUID.known("7")
  private let row = UUID.known("8")
  private let field = ProtectedField(table: "identifiers", column: "national_number")
  private let number = [UInt8]("85073003328".utf8)

  private func keys(of organization: UUID? = nil, versions: [Int32] = [3]) throws
    -> OrganizationKeys
  {
    let data = versions.map {
      DataKey(.encryption, version: $0, key: SymmetricKey(data: (0..<32).map { UInt8($0) }))
    }
    let index = DataKey(.index, version: 1, key: SymmetricKey(data: (32..<64).map { UInt8($0) }))
    return try #require(OrganizationKeys(of: organization ?? self.organization, data + [index]))
  }

  /// Computed with Python's cryptography from the same keys.
  @Test("known answers: the ciphertext and the index of a number")
  func knownAnswers() throws {
    let keys = try keys()
    let nonce = try AES.GCM.Nonce(data: (0..<12).map { UInt8($0) })
    #expect(
      try keys.seal(number, in: field, row: row, nonce: nonce).hex
        == "0100000003000102030405060708090a0be11485ffa38f7c2bd54366cbdc2da56a5027cd0e46e6fba12e66b8"
    )
    #expect(
      keys.blindIndex("85073003328", of: field).bytes.hex
        == "ff8e563a60d71e97594163e3d0b1d017bc6494a402d73f61adda6bec182e9f25")
  }

  @Test("what is sealed opens in its place, and differs each time")
  func opens() throws {
    let keys = try keys()
    let sealed = try keys.seal(number, in: field, row: row)
    #expect(try keys.open(sealed, in: field, row: row) == number)
    #expect(try keys.seal(number, in: field, row: row) != sealed)
    #expect(OrganizationKeys.keyVersion(of: sealed) == 3)
    #expect(try keys.open(keys.seal([], in: field, row: row), in: field, row: row) == [])
  }

  @Test("moved to another organisation, table, column or row, it does not open")
  func transplants() throws {
    let keys = try keys()
    let sealed = try keys.seal(number, in: field, row: row)
    // The same key bytes, so that the place alone is what differs.
    let other = try self.keys(of: .known("9"))
    #expect(throws: ProtectionFailure.notAuthentic) { try other.open(sealed, in: field, row: row) }
    #expect(throws: ProtectionFailure.notAuthentic) {
      try keys.open(sealed, in: field, row: .known("9"))
    }
    for elsewhere in [
      ProtectedField(table: "identifiers", column: "partner_national_number"),
      ProtectedField(table: "others", column: "national_number"),
      // The same letters, cut elsewhere.
      ProtectedField(table: "identifiersn", column: "ational_number"),
    ] {
      #expect(throws: ProtectionFailure.notAuthentic) {
        try keys.open(sealed, in: elsewhere, row: row)
      }
    }
  }

  @Test("passed off as of another version of the key, it does not open")
  func versions() throws {
    // Both versions have the same bytes.
    let keys = try keys(versions: [3, 4])
    #expect(keys.currentVersion == 4)
    var sealed = try self.keys().seal(number, in: field, row: row)
    #expect(try keys.open(sealed, in: field, row: row) == number)
    sealed[4] = 4
    #expect(throws: ProtectionFailure.notAuthentic) { try keys.open(sealed, in: field, row: row) }
    sealed[4] = 5
    #expect(throws: ProtectionFailure.dataKeyUnknown(5)) {
      try keys.open(sealed, in: field, row: row)
    }
  }

  @Test("no bit can be flipped, no byte cut off or added")
  func alterations() throws {
    let keys = try keys()
    let sealed = try keys.seal(number, in: field, row: row)
    for index in sealed.indices {
      for bit in 0..<8 {
        var altered = sealed
        altered[index] ^= 1 << UInt8(bit)
        #expect(throws: ProtectionFailure.self) { try keys.open(altered, in: field, row: row) }
      }
    }
    for length in 0..<sealed.count {
      #expect(throws: ProtectionFailure.notAuthentic) {
        try keys.open([UInt8](sealed.prefix(length)), in: field, row: row)
      }
    }
    #expect(throws: ProtectionFailure.notAuthentic) {
      try keys.open(sealed + [0], in: field, row: row)
    }
  }

  @Test("an index is the organisation's and the column's own")
  func indexes() throws {
    let keys = try keys()
    let index = keys.blindIndex("85073003328", of: field)
    #expect(index.bytes.count == 32)
    #expect(index.next == nil)
    #expect(index == keys.blindIndex("85073003328", of: field))
    let others = [
      try self.keys(of: .known("9")).blindIndex("85073003328", of: field),
      keys.blindIndex(
        "85073003328", of: ProtectedField(table: "identifiers", column: "partner")),
      keys.blindIndex("85073003329", of: field),
    ]
    #expect(Set(others + [index]).count == 4)
  }

  @Test("while a key takes another's place, a value has an index by both, step by step")
  func rotation() throws {
    let (first, second) = (DataKey(.index, version: 1), DataKey(.nextIndex, version: 2))
    let data = DataKey(.encryption, version: 1)
    let steps = try [
      [first], [first, second], [first, second.serving(.index), second],
      [first, second.serving(.index)],
    ].map { try #require(OrganizationKeys(of: organization, [data] + $0)) }
    #expect(steps.map(\.indexVersion) == [1, 1, 2, 2])
    #expect(steps.map(\.nextIndexVersion) == [nil, 2, 2, nil])
    let indexes = steps.map { $0.blindIndex("85073003328", of: field) }
    let (old, new) = (indexes[0].bytes, indexes[3].bytes)
    #expect(old != new)
    #expect(indexes.map(\.bytes) == [old, old, new, new])
    #expect(indexes.map(\.next) == [nil, new, new, nil])
    for (step, keys) in steps.enumerated() {
      // Of two steps in a row, either knows the other's; of steps further apart nobody does.
      for other in steps.indices {
        #expect(indexes[step].matches(indexes[other]) == (abs(step - other) <= 1))
        let other = steps[other].blindIndex("85073003329", of: field)
        #expect(!indexes[step].matches(other))
      }
      let all = [indexes[step].bytes] + keys.otherIndexes("85073003328", of: field)
      #expect(Set(all) == (step == 0 ? [old] : [old, new]))
    }
  }

  @Test("an organisation without one of its keys has none")
  func incomplete() {
    let data = DataKey(.encryption, version: 1)
    #expect(OrganizationKeys(of: organization, [data]) == nil)
    #expect(OrganizationKeys(of: organization, [DataKey(.index, version: 1)]) == nil)
    #expect(OrganizationKeys(of: organization, [data, DataKey(.index, version: 1)]) != nil)
  }
}

extension UUID {
  /// Ids that the known answers were computed for, by their last digit.
  static func known(_ last: Character) -> UUID {
    UUID(uuidString: "01890a5d-ac96-774b-bcce-b302099a805\(last)") ?? UUID()
  }
}

extension [UInt8] {
  var hex: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
