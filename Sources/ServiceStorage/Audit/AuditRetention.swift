public import Foundation
public import Postgres

/// Removes rows of the audit log that need not be kept any more, whole seals of them and the oldest
/// first. The seals stay, signed and chained, so that it can still be told that rows were there.
public struct AuditRetention: Table, Sendable {
  /// How long rows are kept, in years of 366 days: as long as tax law wants books kept.
  public static let years = 7

  /// Lets a superuser's transaction pass the trigger that refuses everybody.
  private static let liftTrigger = Statement<NoRow>(
    "set local session_replication_role = replica", writes: true)
  private static let delete = Statement<NoRow>(
    "delete from audit_log where audit_id > $1 and audit_id <= $2")
  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [liftTrigger, delete] }

  private let database: Database

  /// - Parameter database: connected as a superuser whose `search_path` is the service's schema.
  public init(_ database: Database) { self.database = database }

  /// What was sealed before then may go.
  public static func horizon(at now: Date) -> Date {
    now.addingTimeInterval(-Double(years) * 366 * 86_400)
  }

  /// Removes the rows of every seal made before a moment, a transaction a seal, and answers how
  /// many.
  public func expire(before horizon: Date) async throws -> Int {
    var last: (number: Int64, id: Int64) = (0, 0)
    var sum = 0
    while true {
      let seals = try await database.run(.none, AuditSealer.seals(last.number))
      for seal in seals {
        guard seal.wasMade(before: horizon) else { return sum }
        let rows = Self.delete(last.id, seal.lastID)
        sum += try await database.transaction(.none) { transaction in
          try await transaction.run(Self.liftTrigger())
          return try await transaction.run(rows).count
        }
        last = (seal.number, seal.lastID)
      }
      if seals.isEmpty { return sum }
    }
  }
}

extension AuditSeal {
  func wasMade(before moment: Date) -> Bool {
    PostgresTimestamp(microseconds: sealedAt).date < moment
  }
}
