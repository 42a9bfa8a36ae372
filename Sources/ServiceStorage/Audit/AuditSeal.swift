public import Crypto
import Foundation
public import Postgres
import ServiceKit

/// A signed summary of the rows up to an id: a row of `audit_seals`, and a line of the file beside.
public struct AuditSeal: PostgresRow, Hashable, Codable {
  /// From 1, without a gap.
  public var number: Int64
  /// The hash of the seal before; zeros for the first.
  public var previousHash: [UInt8]
  /// The root of the tree over the rows.
  public var merkleRoot: [UInt8]
  /// One past the last id of the seal before.
  public var firstID: Int64
  /// The id of the last row.
  public var lastID: Int64
  /// First and last of each run of ids that no row has.
  public var gaps: [Int64]
  /// How many rows it covers.
  public var rowCount: Int64
  /// When, in microseconds since 1970, by the database's clock.
  public var sealedAt: Int64
  /// Which key signed.
  public var keyID: String
  /// Ed25519 over `signedBytes(of:)`.
  public var signature: [UInt8]

  public init(from columns: inout ColumnReader) throws(PostgresError) {
    number = try columns.next()
    previousHash = try columns.next([UInt8].self)
    merkleRoot = try columns.next([UInt8].self)
    firstID = try columns.next()
    lastID = try columns.next()
    gaps = try columns.next([Int64].self)
    rowCount = try columns.next()
    sealedAt = try columns.next(PostgresTimestamp.self).microseconds
    keyID = try columns.next()
    signature = try columns.next([UInt8].self)
  }

  /// The columns in the order they are read.
  static let columns = """
    seal_number, previous_hash, merkle_root, first_id, last_id, gaps, row_count, sealed_at, key_id,
    signature
    """

  /// Summarises rows, unsigned.
  /// - Parameters:
  ///   - rows: in the order of their ids, every one after the seal before up to the last.
  ///   - previous: the seal before; nil for the first.
  init(
    _ rows: [AuditRow], after previous: AuditSeal?, service: String, at moment: PostgresTimestamp
  ) {
    number = (previous?.number ?? 0) + 1
    previousHash = previous?.hash(service) ?? Self.start
    merkleRoot = MerkleTree.root(rows)
    firstID = (previous?.lastID ?? 0) + 1
    lastID = rows.last?.auditID ?? firstID
    gaps = Self.gaps(rows, from: firstID)
    rowCount = Int64(rows.count)
    sealedAt = moment.microseconds
    keyID = ""
    signature = []
  }

  /// What the first seal names as the hash of the one before.
  static let start = [UInt8](repeating: 0, count: 32)

  /// First and last of each run of ids missing before the last row.
  static func gaps(_ rows: [AuditRow], from firstID: Int64) -> [Int64] {
    var expected = firstID
    var gaps: [Int64] = []
    for row in rows {
      if row.auditID > expected { gaps += [expected, row.auditID - 1] }
      expected = row.auditID + 1
    }
    return gaps
  }

  /// What the signature covers; the service too, so that one's seals do not pass as another's.
  func signedBytes(of service: String) -> [UInt8] {
    var bytes = CanonicalBytes("clientele audit seal v1")
    bytes.add([UInt8](service.utf8))
    bytes.add([UInt8](keyID.utf8))
    bytes.add(UInt64(bitPattern: number))
    bytes.add(previousHash)
    bytes.add(merkleRoot)
    bytes.add(UInt64(bitPattern: firstID))
    bytes.add(UInt64(bitPattern: lastID))
    bytes.add(UInt64(gaps.count))
    for gap in gaps { bytes.add(UInt64(bitPattern: gap)) }
    bytes.add(UInt64(bitPattern: rowCount))
    bytes.add(UInt64(bitPattern: sealedAt))
    return bytes.bytes
  }

  /// What the next seal names.
  func hash(_ service: String) -> [UInt8] {
    var bytes = CanonicalBytes("clientele audit chain v1")
    bytes.add(signedBytes(of: service))
    bytes.add(signature)
    return [UInt8](SHA256.hash(data: bytes.bytes))
  }
}

/// Signs the seals of one service.
public struct AuditSigner: Sendable {
  let keyID: String
  private let key: Curve25519.Signing.PrivateKey

  /// - Parameter keyID: says which public key verifies.
  public init(keyID: String, key: Curve25519.Signing.PrivateKey) {
    self.keyID = keyID
    self.key = key
  }

  /// From a file with a 32-byte seed, whose name is the key's id.
  public init(file: String) throws {
    keyID = KeyFiles.keyID(file)
    key = try .init(rawRepresentation: KeyFiles.secret(file).prefix(32))
  }

  /// The public half.
  public var publicKey: Curve25519.Signing.PublicKey { key.publicKey }

  func sign(_ seal: AuditSeal, of service: String) throws -> AuditSeal {
    var seal = seal
    seal.keyID = keyID
    seal.signature = [UInt8](try key.signature(for: seal.signedBytes(of: service)))
    return seal
  }
}
