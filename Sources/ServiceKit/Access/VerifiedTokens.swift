import CommonAPI
import Foundation
import Synchronization

/// Callers whose token was verified a moment ago. Checking a signature costs more than most calls,
/// and a gateway shows the same token for most of its minute.
final class VerifiedTokens: Sendable {
  /// Tokens kept; when they are reached, the ended ones go, and all of them if none has ended.
  static let countMax = 512

  /// A token's bytes, hashed all at once; an array is hashed byte by byte.
  private struct Key: Hashable {
    let bytes: [UInt8]

    func hash(into hasher: inout Hasher) {
      bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
  }

  private struct Entry {
    let caller: Caller
    let valid: Range<Double>
  }

  private let entries = Mutex<[Key: Entry]>([:])
  private let verifier: ContextVerifier

  init(verifier: ContextVerifier) {
    self.verifier = verifier
  }

  /// The caller a token stands for at the moment; nil when it is not, or no longer, valid.
  func caller(_ token: [UInt8], at moment: Date) -> Caller? {
    let now = moment.timeIntervalSince1970
    let key = Key(bytes: token)
    if let known = entries.withLock({ $0[key] }) {
      return known.valid.contains(now) ? known.caller : nil
    }
    guard let claims = verifier.verify(token, at: moment), let caller = Caller(claims),
      let valid = ContextVerifier.validity(of: claims)
    else { return nil }
    entries.withLock { entries in
      if entries.count >= Self.countMax {
        entries = entries.filter { $0.value.valid.contains(now) }
        if entries.count >= Self.countMax { entries = [:] }
      }
      entries[key] = Entry(caller: caller, valid: valid)
    }
    return caller
  }
}
