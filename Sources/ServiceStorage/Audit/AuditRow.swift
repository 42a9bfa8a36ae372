import Crypto
public import Foundation
public import Postgres

/// A row of `audit_log`, as it is sealed and verified.
public struct AuditRow: PostgresRow, Hashable {
  public var transactionID: TransactionID
  public var auditID: Int64
  public var organizationID: UUID?
  public var actorAccount: UUID?
  public var actorService: String
  public var actingAs: String
  public var action: String
  public var objectKind: String
  public var objectID: UUID?
  public var requestID: UUID?
  public var detail: String
  public var createdAt: PostgresTimestamp

  public init(from columns: inout ColumnReader) throws(PostgresError) {
    transactionID = try columns.next()
    auditID = try columns.next()
    organizationID = try columns.next()
    actorAccount = try columns.next()
    actorService = try columns.next()
    actingAs = try columns.next()
    action = try columns.next()
    objectKind = try columns.next()
    objectID = try columns.next()
    requestID = try columns.next()
    detail = try columns.next()
    createdAt = try columns.next()
  }

  /// The columns in the order they are read.
  static let columns = """
    transaction_id, audit_id, organization_id, actor_account, actor_service, acting_as, action,
    object_kind, object_id, request_id, detail::text, created_at
    """

  /// What is hashed: every column, each with its length, so that nothing can move from one to the
  /// next.
  public var canonicalBytes: [UInt8] {
    var bytes = CanonicalBytes("clientele audit row v1")
    bytes.add(transactionID.rawValue)
    bytes.add(UInt64(bitPattern: auditID))
    bytes.add(organizationID)
    bytes.add(actorAccount)
    for text in [actorService, actingAs, action, objectKind] { bytes.add([UInt8](text.utf8)) }
    bytes.add(objectID)
    bytes.add(requestID)
    bytes.add([UInt8](detail.utf8))
    bytes.add(UInt64(bitPattern: createdAt.microseconds))
    return bytes.bytes
  }
}

/// Bytes that only one list of values makes: a name first, then each value with its length.
struct CanonicalBytes {
  private(set) var bytes: [UInt8]

  init(_ name: String) { bytes = Array(name.utf8) + [0] }

  mutating func add(_ value: [UInt8]) {
    append(UInt64(value.count))
    bytes += value
  }

  mutating func add(_ number: UInt64) {
    append(8)
    append(number)
  }

  /// Nothing and sixteen zeros are two things.
  mutating func add(_ id: UUID?) {
    guard let id else { return add([]) }
    add(withUnsafeBytes(of: id.uuid) { [UInt8]($0) })
  }

  private mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
  }
}

/// The root of a tree of hashes over rows; leaves and nodes are hashed apart (RFC 6962), so that no
/// list of rows has the root of another.
enum MerkleTree {
  static func root(_ rows: [AuditRow]) -> [UInt8] {
    var level = rows.map { [UInt8](SHA256.hash(data: [0] + $0.canonicalBytes)) }
    if level.isEmpty { return [UInt8](SHA256.hash(data: [UInt8]())) }
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { left in
        guard left + 1 < level.count else { return level[left] }
        return [UInt8](SHA256.hash(data: [1] + level[left] + level[left + 1]))
      }
    }
    return level[0]
  }
}
