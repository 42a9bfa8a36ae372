import Synchronization

/// An open transaction on a connection of its own; see `Database.transaction`.
public struct Transaction: Sendable {
  let engine: Engine
  let lease: Lease
  private let scope: Scope
  let deadline: ContinuousClock.Instant
  private let trace = Trace()

  /// What COMMIT must know of the steps before it.
  private final class Trace: Sendable {
    let announces = Atomic<Bool>(false)
  }

  fileprivate init(
    engine: Engine, lease: Lease, scope: Scope, deadline: ContinuousClock.Instant
  ) {
    self.engine = engine
    self.lease = lease
    self.scope = scope
    self.deadline = deadline
  }

  /// Runs queries in one round trip. A refusal dooms the transaction: throw it on.
  @discardableResult
  public nonisolated(nonsending) func run<each Row: PostgresRow>(
    _ query: repeat Query<each Row>
  ) async throws(PostgresError) -> (repeat [each Row]) {
    var queries: [AnyQuery] = []
    repeat queries.append((each query).erased)
    var blocks = BlockCursor(blocks: try await perform(queries))
    return (repeat try blocks.next((each Row).self))
  }

  /// The same for a list whose length is known only at run time.
  /// - Returns: how many rows each query affected or answered.
  @discardableResult
  public nonisolated(nonsending) func run(
    all queries: [AnyQuery]
  ) async throws(PostgresError) -> [Int] {
    try await perform(queries).map(\.rows)
  }

  private nonisolated(nonsending) func perform(
    _ queries: [AnyQuery]
  ) async throws(PostgresError) -> [RowBlock] {
    guard !Task.isCancelled else { throw .cancelled }
    let blocks = try await step(.step(lease), queries).get()
    if queries.contains(where: { $0.text.announces }) {
      trace.announces.store(true, ordering: .relaxed)
    }
    return blocks
  }

  private nonisolated(nonsending) func step(
    _ purpose: Call.Purpose, _ queries: [AnyQuery]
  ) async -> Outcome {
    await Call(
      purpose, scope: scope, queries: queries, deadline: deadline,
      announces: trace.announces.load(ordering: .relaxed)
    ).perform(on: engine)
  }

  fileprivate nonisolated(nonsending) func commit() async throws(PostgresError) {
    _ = try await step(.commit(lease), [AnyQuery(Self.commitStatement())]).get()
  }

  fileprivate nonisolated(nonsending) func rollback() async {
    await Self.rollBack(lease, scope: scope, deadline: deadline, on: engine)
  }

  static nonisolated(nonsending) func rollBack(
    _ lease: Lease, scope: Scope, deadline: ContinuousClock.Instant, on engine: Engine
  ) async {
    _ = await Call(
      .rollback(lease), scope: scope, queries: [AnyQuery(Self.rollbackStatement())],
      deadline: deadline
    ).perform(on: engine)
  }

  static let beginStatement = Statement<NoRow>("begin", writes: true)
  static let commitStatement = Statement<NoRow>("commit", writes: true)
  static let rollbackStatement = Statement<NoRow>("rollback", writes: true)
}

extension Database {
  /// How often a transaction's body runs at most.
  static let transactionAttemptsMax = 3

  /// Runs an interactive transaction on a connection of its own, for what needs an answer before it
  /// can ask on. No remote call belongs inside.
  ///
  /// Serialization failures and deadlocks run `body` again, three times at most, so it must have no
  /// effect outside the database. Whatever `body` throws rolls back and is thrown on.
  /// - Parameters:
  ///   - scope: whose rows it may see and write.
  ///   - deadline: when to give up; nil means `settings.callTimeout` from now.
  @discardableResult
  public nonisolated(nonsending) func transaction<Result>(
    _ scope: Scope, deadline: ContinuousClock.Instant? = nil,
    _ body: (Transaction) async throws -> Result
  ) async throws -> Result {
    let deadline = deadline ?? .now + settings.callTimeout
    var attempt = 1
    while true {
      do {
        return try await attemptTransaction(scope, deadline, body)
      } catch let error as PostgresError
        where error.isWorthRetrying && attempt < Self.transactionAttemptsMax
      {
        attempt += 1
        // Two that blocked each other would do so again if both came back at once.
        try await Task.sleep(for: .milliseconds(Int.random(in: 1...30)))
      }
    }
  }

  private nonisolated(nonsending) func attemptTransaction<Result>(
    _ scope: Scope, _ deadline: ContinuousClock.Instant,
    _ body: (Transaction) async throws -> Result
  ) async throws -> Result {
    let lease = try await reserve(scope, deadline, Transaction.beginStatement())
    defer { engine.submit(.release(lease)) }
    let transaction = Transaction(engine: engine, lease: lease, scope: scope, deadline: deadline)
    let result: Result
    do {
      result = try await body(transaction)
    } catch {
      await transaction.rollback()
      throw error
    }
    try await transaction.commit()
    return result
  }
}
