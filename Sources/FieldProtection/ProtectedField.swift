import Foundation

/// A column whose values are encrypted, in the rows of one organisation.
///
/// The names are part of every key and of every ciphertext: rename neither once values are stored.
public struct ProtectedField: Sendable, Hashable {
  /// Such as `identifiers`, at most 255 bytes.
  public let table: String
  /// Such as `national_number`, at most 255 bytes.
  public let column: String

  /// Names a column.
  public init(table: String, column: String) {
    self.table = table
    self.column = column
  }
}

/// Why something cannot be encrypted or opened. Says nothing of any content.
public enum ProtectionFailure: Error, Sendable, Hashable {
  /// It does not open: it was altered, stood elsewhere, or is of another key.
  case notAuthentic
  /// No key of this version is known.
  case dataKeyUnknown(Int32)
  /// The master key of this id is not among those configured.
  case masterKeyUnknown(String)
  /// The folder of the organisations' secrets cannot be used; how, in words.
  case secretsUnusable(String)
}

/// Bytes that only one list of values makes: what for, then each value with its length.
struct LabelBytes {
  private(set) var bytes: [UInt8]

  init(_ purpose: String) { bytes = Array(purpose.utf8) + [0] }

  /// Of text counts its first 255 bytes.
  func adding(_ text: String) -> LabelBytes {
    let utf8 = text.utf8.prefix(Int(UInt8.max))
    return adding([UInt8(utf8.count)] + utf8)
  }

  func adding(_ id: UUID) -> LabelBytes { adding(withUnsafeBytes(of: id.uuid) { [UInt8]($0) }) }

  func adding(_ number: Int32) -> LabelBytes { adding(number.bigEndianBytes) }

  private func adding(_ more: [UInt8]) -> LabelBytes {
    var longer = self
    longer.bytes += more
    return longer
  }
}

extension Int32 {
  var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { [UInt8]($0) } }
}
