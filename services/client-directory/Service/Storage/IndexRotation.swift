import ClientDirectoryAPI
import FieldProtection
import Foundation
import GRPC
import Postgres
import ServiceKit
import ServiceStorage

/// The job by which another key takes the place of an organisation's key of indexes, while the service
/// writes and looks for numbers.
///
/// Two processes may know different keys for a while, and a number must stay one of a kind all the
/// same. So it goes in steps, each of which begins when nobody works by the step before the last any
/// more, and what writers of two successive steps write has an index by one key in common:
///
/// | step | keys: index, next | writers write | the job makes of rows |
/// |---|---|---|---|
/// | before | 1, none | 1 | |
/// | fill | 1, 2 | 1 and 2 | 1 and 2 |
/// | turn | 2, 2 | 2 and 2 | 2 and 2 |
/// | clear | 2, none | 2 | 2 |
struct IndexRotation: Table, Sendable {
  static let kind = JobKind<NoPayload>("reindex-identifiers", in: Reencryption.queue)
  /// After how long nobody works by older keys: they are read within a call, kept for ten seconds, and
  /// written with by a call, and no call takes longer than thirty.
  static let settling = Duration.seconds(120)

  private static let page = """
    select \(IdentifierRow.columns) from identifiers
    where organization_id = $1 and (client_id, kind) > ($2, $3)
    """
  private static let limit = "order by client_id, kind limit $4"
  // One index twice is what an earlier rotation may have left behind.
  static let unfilled = Statement<IdentifierRow>(
    "\(page) and coalesce(next_index, blind_index) = blind_index \(limit)")
  static let unturned = Statement<IdentifierRow>(
    "\(page) and next_index is distinct from blind_index \(limit)")
  static let uncleared = Statement<IdentifierRow>(
    "\(page) and next_index is not null \(limit)")
  /// What somebody wrote meanwhile stays. The etag stays, since what the number says does.
  static let replace = Statement<NoRow>(
    """
    update identifiers set blind_index = $6, next_index = $7
    where organization_id = $1 and client_id = $2 and kind = $3 and blind_index = $4
      and next_index is not distinct from $5
    """)
  static let statements: [any DescribedStatement] = [unfilled, unturned, uncleared, replace]

  let database: Database
  let fieldKeys: FieldKeyring
  var settling = Self.settling

  var handler: JobHandler {
    JobHandler(Self.kind) { job in
      guard let organization = job.organizationID else { return .dead(because: "nobody's keys") }
      return try await perform(for: organization)
    }
  }

  /// One turn of the step that is on.
  func perform(for organization: UUID) async throws -> JobOutcome {
    let deadline = Deadline.after(Reencryption.turn * 2)
    let rows = try await fieldKeys.table.all(of: organization, deadline: deadline)
    // Destroyed keys make no indexes any more.
    guard let index = Self.newest(.index, rows) else { return .done() }
    let keys = try await fieldKeys.keys(in: rows, of: organization)
    guard let next = Self.newest(.nextIndex, rows) else {
      return try await walk(Self.uncleared, keys, deadline) ?? .done()
    }
    let isTurning = next.key.version <= index.key.version
    let age = isTurning ? index.age : next.age
    guard age >= settling else { return wait(settling - age) }
    if isTurning {
      if let unfinished = try await walk(Self.unturned, keys, deadline) { return unfinished }
      try await database.run(
        .organization(organization), deadline: deadline.instant,
        DataKeys.removeNextIndex(organization, Int64(next.key.version)))
    } else {
      if let unfinished = try await walk(Self.unfilled, keys, deadline) { return unfinished }
      try await fieldKeys.promote(next.key, of: organization, deadline: deadline)
    }
    return wait(settling)
  }

  private static func newest(
    _ purpose: KeyPurpose, _ rows: [DataKeyRow]
  ) -> (key: WrappedKey, age: Duration)? {
    rows.compactMap { row in row.wrapped.map { (key: $0, age: row.age) } }
      .filter { $0.key.purpose == purpose }.max { $0.key.version < $1.key.version }
  }

  private func wait(_ pause: Duration) -> JobOutcome {
    .again(after: pause, because: "until every process knows the keys", counts: false)
  }

  /// Gives each row of a step the indexes that the keys make. Nil when none is left.
  private func walk(
    _ step: Statement<IdentifierRow>, _ keys: OrganizationKeys, _ deadline: Deadline
  ) async throws -> JobOutcome? {
    let organization = keys.organization
    let scope = Scope.organization(organization)
    let end = ContinuousClock.now + Reencryption.turn
    var last = (client: UUID.first, kind: Int16(0))
    var unreadable = 0
    while .now < end {
      let rows = try await database.run(
        scope, deadline: deadline.instant,
        step(organization, last.client, last.kind, Reencryption.batch))
      guard let final = rows.last else {
        return unreadable > 0
          ? .dead(because: "\(unreadable) numbers do not open: clientele verify names them") : nil
      }
      var queries: [AnyQuery] = []
      for row in rows {
        if let query = try? Self.replacing(row, keys) {
          queries.append(query)
        } else {
          unreadable += 1
        }
      }
      try await database.run(scope, deadline: deadline.instant, all: queries)
      last = (final.clientID, Int16(final.kind.rawValue))
    }
    return .again(after: .zero, because: "its turn is over, and more is left", counts: false)
  }

  private static func replacing(_ row: IdentifierRow, _ keys: OrganizationKeys) throws -> AnyQuery {
    let digits = try keys.open(row.ciphertext, in: row.kind.field, row: row.clientID)
    let index = keys.blindIndex(String(decoding: digits, as: UTF8.self), of: row.kind.field)
    return AnyQuery(
      replace(
        keys.organization, row.clientID, Int16(row.kind.rawValue), row.index.bytes, row.index.next,
        index.bytes, index.next))
  }
}
