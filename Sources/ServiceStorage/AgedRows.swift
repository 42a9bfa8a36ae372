public import Foundation
public import Postgres

/// Rows that nobody needs once they are old, removed the oldest first in small transactions: feeds and
/// audit seals wait for every open transaction, and what one call cannot finish is not begun anew.
public struct AgedRows: Sendable {
  /// Rows in one transaction; more where several have the same time.
  static let batch = 1_000

  let last: Statement<Date?>
  let delete: Statement<NoRow>

  /// - Parameters:
  ///   - last: the time of the last of the oldest `$2` rows from before `$1`; NULL without any.
  ///   - delete: removes what is no younger than `$1`.
  public init(last: Statement<Date?>, delete: Statement<NoRow>) {
    self.last = last
    self.delete = delete
  }

  /// For the test that describes each statement.
  public var statements: [any DescribedStatement] { [last, delete] }

  /// Removes the rows from before a time that the role may remove, and answers how many went.
  public func remove(before limit: Date, in database: Database) async throws -> Int {
    var sum = 0
    while true {
      try Task.checkCancellation()
      let found = try await database.run(.none, last(limit, Self.batch)).first
      guard let moment = found.flatMap({ $0 }) else { return sum }
      let gone = try await database.run(.none, delete(moment)).count
      sum += gone
      // What may be seen and not removed would be found again and again.
      if gone == 0 { return sum }
    }
  }
}
