import ClientDirectoryAPI
import FieldProtection
import Foundation
import GRPC
import Postgres
import ServiceKit
import ServiceStorage

/// A new version of an organisation's key that is to encrypt what older ones did.
struct ReencryptionJob: Codable, Sendable, Hashable {
  /// The new version.
  let version: Int32
  /// When it was made: for a while after, other processes may still write with the one before.
  let since: Date
}

/// The jobs that encrypt numbers anew after a rotation, while the service reads and writes them.
struct Reencryption: Table, Sendable {
  static let kind = JobKind<ReencryptionJob>("reencrypt-identifiers", in: queue)
  /// What walks through all numbers of an organisation.
  static let queue = JobQueue("field-keys") {
    $0.concurrency = 1
    $0.timeLimit = .seconds(120)
    $0.firstPause = .seconds(5)
  }
  /// Numbers of one transaction.
  static let batch: Int64 = 200
  /// How long one attempt goes on before it lets others have their turn.
  static let turn = Duration.seconds(30)

  static let behind = Statement<IdentifierRow>(
    """
    select \(IdentifierRow.columns) from identifiers
    where organization_id = $1 and key_version < $2
      and (key_version, client_id, kind) > ($3, $4, $5)
    order by key_version, client_id, kind limit $6
    """)
  /// A number that somebody wrote meanwhile stays as written. The etag stays, since what it says does.
  static let replace = Statement<NoRow>(
    """
    update identifiers set key_version = $5, ciphertext = $6
    where organization_id = $1 and client_id = $2 and kind = $3 and ciphertext = $4
    """)
  static let statements: [any DescribedStatement] = [behind, replace]

  let database: Database
  let fieldKeys: FieldKeyring
  let clock: ServiceClock

  var handler: JobHandler {
    JobHandler(Self.kind) { job in
      guard let organization = job.organizationID else { return .dead(because: "nobody's keys") }
      return try await perform(job.payload, of: organization)
    }
  }

  /// One turn of it. Where the keys were destroyed meanwhile nothing is left to encrypt.
  func perform(_ job: ReencryptionJob, of organization: UUID) async throws -> JobOutcome {
    do {
      let keys = try await fieldKeys.keys(
        of: organization, deadline: .after(.seconds(10)), version: job.version)
      return try await walk(job, organization, keys)
    } catch ClientDirectoryError.identifierKeysDestroyed {
      return .done()
    }
  }

  private func walk(
    _ job: ReencryptionJob, _ organization: UUID, _ keys: OrganizationKeys
  ) async throws -> JobOutcome {
    let end = ContinuousClock.now + Self.turn
    var last = (version: Int64(0), client: UUID.first, kind: Int16(0))
    var unreadable = 0
    while .now < end {
      let rows = try await database.run(
        .organization(organization),
        Self.behind(
          organization, Int64(keys.currentVersion), last.version, last.client, last.kind,
          Self.batch))
      guard let final = rows.last else {
        return unreadable > 0
          ? .dead(because: "\(unreadable) numbers do not open: clientele verify names them")
          : settled(job)
      }
      var queries: [AnyQuery] = []
      for row in rows {
        if let query = try? Self.replacing(row, of: organization, keys) {
          queries.append(query)
        } else {
          unreadable += 1
        }
      }
      try await database.run(.organization(organization), all: queries)
      last = (final.keyVersion, final.clientID, Int16(final.kind.rawValue))
    }
    return .again(after: .zero, because: "its turn is over, and more is left", counts: false)
  }

  /// Done, once no process can have the former version as the newest one any more.
  private func settled(_ job: ReencryptionJob) -> JobOutcome {
    let wait = job.since.addingTimeInterval(2 * (FieldKeyring.life / .seconds(1)))
      .timeIntervalSince(clock.now())
    return wait > 0
      ? .again(after: .seconds(wait), because: "looks once more for late writers", counts: false)
      : .done()
  }

  private static func replacing(
    _ row: IdentifierRow, of organization: UUID, _ keys: OrganizationKeys
  ) throws -> AnyQuery {
    let digits = try keys.open(row.ciphertext, in: row.kind.field, row: row.clientID)
    return AnyQuery(
      replace(
        organization, row.clientID, Int16(row.kind.rawValue), row.ciphertext,
        Int64(keys.currentVersion),
        try keys.seal(digits, in: row.kind.field, row: row.clientID)))
  }
}
