import CIDN2
import Foundation

/// An e-mail address that can be written to (RFC 5321 §4.5.3, 6531, 5891).
///
/// Quoted local parts and address literals are refused by policy; dots and plus tags are kept, as
/// two addresses that differ in them may belong to two people.
public struct EmailAddress: Sendable, Hashable {
  /// As typed, composed (NFC), without surrounding blanks; for writing to.
  public let raw: String
  /// For comparing: local part case-folded, domain as lower-case A-labels.
  public let normalized: String

  /// The longest accepted path, in octets.
  static let octetsMax = 254

  /// Nil when the text is no address.
  public init?(_ text: String) {
    guard text.utf8.count <= 1024 else { return nil }
    let typed = text.precomposedStringWithCanonicalMapping
      .trimmingCharacters(in: .whitespacesAndNewlines)
    // libidn2 reads to the first NUL, so that what follows would be kept and never looked at.
    guard !typed.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return nil }
    guard let at = typed.lastIndex(of: "@") else { return nil }
    let local = typed[..<at]
    let domain = typed[typed.index(after: at)...]
    guard Self.isLocalPart(local), let ascii = Self.asciiDomain(domain) else { return nil }
    guard local.utf8.count + 1 + ascii.utf8.count <= Self.octetsMax else { return nil }
    raw = typed
    normalized = "\(local.lowercased().precomposedStringWithCanonicalMapping)@\(ascii)"
  }

  /// The address with all but the first letter of its local part hidden, for pages.
  public var masked: String {
    guard let at = raw.lastIndex(of: "@"), let first = raw.first else { return "" }
    return "\(first)***\(raw[at...])"
  }

  /// Dot-atoms of printable characters, at most 64 octets.
  private static func isLocalPart(_ local: Substring) -> Bool {
    guard !local.isEmpty, local.utf8.count <= 64 else { return false }
    guard local.first != ".", local.last != ".", !local.contains("..") else { return false }
    return local.unicodeScalars.allSatisfy { scalar in
      guard scalar.isASCII else {
        switch scalar.properties.generalCategory {
        case .control, .format, .unassigned, .privateUse, .surrogate, .spaceSeparator,
          .lineSeparator, .paragraphSeparator:
          return false
        default: return true
        }
      }
      return scalar.properties.isAlphabetic || (scalar.value >= 0x30 && scalar.value <= 0x39)
        || "!#$%&'*+-/=?^_`{|}~.".unicodeScalars.contains(scalar)
    }
  }

  /// The domain in lower-case A-labels; nil for one label, an address literal, or what IDNA refuses.
  private static func asciiDomain(_ domain: Substring) -> String? {
    guard !domain.isEmpty, domain.utf8.count <= 255 else { return nil }
    var output: UnsafeMutablePointer<CChar>?
    // Not with IDN2_USE_STD3_ASCII_RULES: it drops an underscore, which makes another domain of it.
    let flags = CInt(bitPattern: IDN2_NONTRANSITIONAL.rawValue)
    let code = String(domain).withCString { idn2_to_ascii_8z($0, &output, flags) }
    guard code == IDN2_OK.rawValue, let output else { return nil }
    defer { idn2_free(output) }
    let ascii = String(cString: output).lowercased()
    let labels = ascii.split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count >= 2, ascii.utf8.count <= 253 else { return nil }
    let wellFormed = labels.allSatisfy {
      !$0.isEmpty && $0.utf8.count <= 63 && $0.first != "-" && $0.last != "-"
        && $0.utf8.allSatisfy {
          ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d
        }
    }
    // A last label of digits alone would be an address, not a name.
    guard wellFormed, let top = labels.last, !top.allSatisfy(\.isNumber) else { return nil }
    return ascii
  }
}
