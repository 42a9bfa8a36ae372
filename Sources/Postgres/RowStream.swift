/// The rows of a large answer, one after the other; see `Database.withRows`. It has one reader.
public struct RowStream<Row: PostgresRow>: AsyncSequence, Sendable {
  public typealias Element = Row
  public typealias Failure = PostgresError

  let feed: RowFeed
  let engine: Engine

  /// Reads the rows.
  public func makeAsyncIterator() -> Iterator { Iterator(feed: feed, engine: engine) }

  /// Reads the rows.
  public struct Iterator: AsyncIteratorProtocol {
    let feed: RowFeed
    let engine: Engine
    private var rows: [Row] = []
    private var position = 0

    init(feed: RowFeed, engine: Engine) {
      self.feed = feed
      self.engine = engine
    }

    /// The next row; nil after the last.
    /// - Throws: `PostgresError`: what PostgreSQL refused, `unavailable` when the connection was
    ///   lost, `deadlineExceeded`, `decoding`, `cancelled`.
    public nonisolated(nonsending) mutating func next() async throws(PostgresError) -> Row? {
      while position >= rows.count {
        guard let block = try await feed.next(askingToResume: engine) else { return nil }
        rows = try block.decode(Row.self)
        position = 0
      }
      defer { position += 1 }
      return rows[position]
    }

    /// The same for callers on an actor.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(PostgresError) -> Row? {
      try await next()
    }
  }
}

extension Database {
  private static let beginReading = Statement<NoRow>("begin read only", writes: true)

  /// Reads an answer of any size row by row, in a read-only transaction on a connection of its own.
  ///
  /// Memory stays within `settings.streamBytesMax` and what libpq holds of one row, however slow
  /// the reader is: the server waits for it. When `body` leaves early the connection is closed,
  /// since what is on its way cannot be taken back.
  /// - Parameters:
  ///   - scope: whose rows it may see.
  ///   - deadline: when to give up, the reader's time included; nil means
  ///     `settings.streamTimeout` from now.
  ///   - body: reads the stream, which must not leave it.
  /// - Throws: what `body` throws; `PostgresError`.
  public nonisolated(nonsending) func withRows<Row: PostgresRow, Result>(
    _ scope: Scope, deadline: ContinuousClock.Instant? = nil, _ query: Query<Row>,
    _ body: (RowStream<Row>) async throws -> Result
  ) async throws -> Result {
    let deadline = deadline ?? .now + settings.streamTimeout
    let lease = try await reserve(scope, deadline, Self.beginReading())
    defer { engine.submit(.release(lease)) }
    let feed = RowFeed(lease: lease, bytesMax: settings.streamBytesMax)
    let call = Call(
      .step(lease), scope: scope, queries: [query.erased], deadline: deadline, feed: feed)
    guard engine.submit(.call(call)) else { throw PostgresError.unavailable("the pool is closed") }
    let result = try await body(RowStream(feed: feed, engine: engine))
    if feed.isExhausted {
      await Transaction.rollBack(lease, scope: scope, deadline: deadline, on: engine)
    }
    return result
  }

  /// Begins a transaction on a connection of its own.
  nonisolated(nonsending) func reserve(
    _ scope: Scope, _ deadline: ContinuousClock.Instant, _ begin: Query<NoRow>
  ) async throws(PostgresError) -> Lease {
    guard !Task.isCancelled else { throw .cancelled }
    let call = Call(.begin, scope: scope, queries: [AnyQuery(begin)], deadline: deadline)
    _ = try await call.perform(on: engine).get()
    guard let lease = call.lease else { throw .unavailable("no connection") }
    return lease
  }
}
