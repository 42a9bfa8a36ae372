public import FoundationEssentials

/// Whose rows a call may see and write: what row-level security compares with.
///
/// It travels in the call's own round trip and ends with its transaction. This file is the only
/// place that builds the prologue; a `set_config(…, false)` anywhere else would leak over the pool.
public enum Scope: Sendable, Hashable {
  /// No organisation and no person: tenant tables show nothing and take nothing.
  case none
  /// One organisation's rows.
  case organization(UUID)
  /// One person's rows.
  case account(UUID)
  /// One organisation's rows and one person's.
  case both(organization: UUID, account: UUID)
}

extension Scope {
  static let prologue = StatementText(
    """
    select set_config('clientele.organization_id', $1, true), \
    set_config('clientele.account_id', $2, true), set_config('statement_timeout', $3, true)
    """, writes: false)

  /// The prologue's other form, which takes no parameters. What is not named is not set, as after
  /// each transaction.
  func localSettings(timeout: Int) -> [String] {
    let timeout = "set local statement_timeout = \(max(1, timeout))"
    return switch self {
    case .none: [timeout]
    case .organization(let id): [timeout, Self.setLocal("organization_id", id)]
    case .account(let id): [timeout, Self.setLocal("account_id", id)]
    case .both(let organization, let account):
      [
        timeout, Self.setLocal("organization_id", organization),
        Self.setLocal("account_id", account),
      ]
    }
  }

  /// - Parameter id: hexadecimal digits and dashes, so nothing that could end the literal.
  private static func setLocal(_ name: String, _ id: UUID) -> String {
    "set local clientele.\(name) = '\(id.uuidString)'"
  }

  /// Writes the prologue's three parameters.
  /// - Parameter timeout: milliseconds each statement may take.
  func appendPrologue(timeout: Int, to writer: inout ParameterWriter) {
    switch self {
    case .none:
      writer.add("")
      writer.add("")
    case .organization(let organization):
      writer.add(text: organization)
      writer.add("")
    case .account(let account):
      writer.add("")
      writer.add(text: account)
    case .both(let organization, let account):
      writer.add(text: organization)
      writer.add(text: account)
    }
    writer.add(decimal: timeout)
  }
}

extension ParameterWriter {
  /// A UUID as text, without a String in between.
  mutating func add(text uuid: UUID) {
    addRaw(type: 0) { bytes in
      withUnsafeBytes(of: uuid.uuid) { octets in
        for (index, octet) in octets.enumerated() {
          if index == 4 || index == 6 || index == 8 || index == 10 {
            bytes.append(UInt8(ascii: "-"))
          }
          bytes.append(Self.hexadecimalDigit(octet >> 4))
          bytes.append(Self.hexadecimalDigit(octet & 15))
        }
      }
    }
  }

  /// A non-negative number as text.
  mutating func add(decimal number: Int) {
    addRaw(type: 0) { bytes in
      let start = bytes.count
      var rest = number < 0 ? 0 : number
      repeat {
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
        rest /= 10
      } while rest > 0
      bytes[start...].reverse()
    }
  }

  private static func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? nibble + UInt8(ascii: "0") : nibble - 10 + UInt8(ascii: "a")
  }
}
