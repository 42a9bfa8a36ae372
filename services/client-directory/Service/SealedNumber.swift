import ClientDirectoryAPI
import FieldProtection
import Foundation

/// A register number as it is stored: encrypted, with what it is found by and what is shown of it.
struct SealedNumber: Sendable {
  let kind: IdentifierKind
  let keyVersion: Int32
  let ciphertext: [UInt8]
  let index: BlindIndex
  let masked: String

  init(_ number: RegisterNumber, for client: UUID, with keys: OrganizationKeys) throws {
    kind = number.kind
    keyVersion = keys.currentVersion
    ciphertext = try keys.seal([UInt8](number.digits.utf8), in: number.kind.field, row: client)
    index = keys.blindIndex(number.digits, of: number.kind.field)
    masked = number.masked
  }
}

extension IdentifierKind {
  /// Each kind is a column of its own to keys and indexes, so that none passes for another.
  var field: ProtectedField {
    let column =
      switch self {
      case .nationalNumber: "national_number"
      case .socialInsuranceNumber: "social_insurance_number"
      case .partnerNationalNumber: "partner_national_number"
      case .unspecified, .unrecognized: "none"
      }
    return ProtectedField(table: "identifiers", column: column)
  }
}

extension OrganizationKeys {
  /// What stands for a number where a request is compared with an earlier one: what new requests are
  /// stored by, then what those of a process with other versions of the key may be.
  func fingerprints(of number: RegisterNumber) -> (own: String, others: [String]) {
    let field = ProtectedField(table: "idempotency", column: "request_hash")
    func text(_ index: [UInt8]) -> String {
      index.map { String($0, radix: 16) }.joined(separator: " ")
    }
    return (
      text(blindIndex(number.digits, of: field).bytes),
      otherIndexes(number.digits, of: field).map(text)
    )
  }
}
