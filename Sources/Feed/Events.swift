public import FoundationEssentials
public import Postgres

/// What a service announces: rows of its table `events`, written in the transaction of the change.
public enum Events: Table {
  private static let insert = Statement<NoRow>(
    """
    insert into events (kind, organization_id, aggregate_id, payload) values ($1, $2, $3, $4)
    """, announces: true)
  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [insert] }

  /// The query that appends an event; put it in the same `run` as the change it tells of.
  ///
  /// Followers are woken after the commit.
  /// - Parameters:
  ///   - kind: such as `invitation.created`, 1 to 100 characters.
  ///   - organization: whose event it is, which must be the scope's; nil for facts about a person.
  ///   - aggregate: what it happened to; events of one aggregate stay in order.
  ///   - payload: the serialised message that `kind` stands for, at most 64 KiB.
  public static func append(
    kind: String, organization: UUID?, aggregate: UUID, payload: [UInt8]
  ) -> Query<NoRow> {
    insert(kind, organization, aggregate, payload)
  }
}
