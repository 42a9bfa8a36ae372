public import Crypto
public import Foundation

/// What a verification found, in words for an operator.
public struct AuditFinding: Sendable, Hashable, Codable {
  /// The seal or the row concerned, such as `seal 12`.
  public let place: String
  /// What is wrong there.
  public let what: String

  /// Says what is wrong where.
  public init(place: String, what: String) {
    self.place = place
    self.what = what
  }
}

/// Checks rows and seals of one service against each other, against its keys and against the copies
/// of the seals outside the database.
public struct AuditVerifier: Sendable {
  private let service: String
  private let keys: [String: Curve25519.Signing.PublicKey]
  private let copies: [Int64: AuditSeal]
  private let lastCopy: Int64
  private let horizon: Date
  private var previous: AuditSeal?
  /// Whether no seal so far had rows: only what is oldest may be gone.
  private var isExpired = true

  /// What was found so far.
  public internal(set) var findings: [AuditFinding] = []

  /// - Parameters:
  ///   - keys: public keys by id; those of earlier keys too.
  ///   - copies: the seals outside the database; nil when there is no such file.
  ///   - horizon: the rows of seals that were made before it may have been removed, the oldest first
  ///     and those of a seal together; see `AuditRetention`.
  public init(
    service: String, keys: [String: Curve25519.Signing.PublicKey], copies: [AuditSeal]?,
    horizon: Date
  ) {
    self.horizon = horizon
    self.service = service
    self.keys = keys
    // The first of a number counts: later lines cannot take back what was said.
    self.copies = Dictionary((copies ?? []).map { ($0.number, $0) }) { first, _ in first }
    lastCopy = copies == nil ? -1 : (copies ?? []).map(\.number).max() ?? 0
  }

  /// Takes the next seal.
  /// - Parameter rows: those with ids from one past the seal before to its own last, in order.
  public mutating func check(_ seal: AuditSeal, _ rows: [AuditRow]) {
    let place = "seal \(seal.number)"
    func found(_ what: String) { findings.append(AuditFinding(place: place, what: what)) }
    if seal.number != (previous?.number ?? 0) + 1 { found("the seal before it is missing") }
    if seal.previousHash != previous?.hash(service) ?? AuditSeal.start {
      found("does not follow from the seal before it")
    }
    if seal.firstID != (previous?.lastID ?? 0) + 1 || seal.lastID < seal.firstID {
      found("does not begin where the seal before it ends")
    }
    if keys[seal.keyID]?.isValidSignature(
      seal.signature, for: seal.signedBytes(of: service)) != true
    {
      found("was not signed by a known key")
    }
    isExpired = isExpired && rows.isEmpty && seal.wasMade(before: horizon)
    if isExpired {
      // The seal tells that they were there, and when.
    } else if Int64(rows.count) != seal.rowCount || rows.last?.auditID != seal.lastID
      || AuditSeal.gaps(rows, from: seal.firstID) != seal.gaps
    {
      found("rows \(seal.firstID) to \(seal.lastID) are not those that were sealed")
    } else if MerkleTree.root(rows) != seal.merkleRoot {
      found("a row from \(seal.firstID) to \(seal.lastID) was changed")
    }
    if let copy = copies[seal.number] {
      if copy != seal { found("differs from its copy outside the database") }
    } else if seal.number <= lastCopy {
      found("has no copy outside the database, though later seals have one")
    }
    previous = seal
  }

  /// Whether the copies tell of seals after the last one seen.
  public var isBehindCopies: Bool { lastCopy > previous?.number ?? 0 }

  /// Ends the walk: the copies may tell of seals that are gone.
  public mutating func finish() {
    if isBehindCopies {
      let last = previous?.number ?? 0
      findings.append(
        AuditFinding(
          place: "seals \(last + 1) to \(lastCopy)",
          what: "are missing, as their copies outside the database tell"))
    }
  }
}
