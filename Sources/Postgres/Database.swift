public import Logging
import Synchronization

/// A pool of connections to one database as one role.
///
/// One thread of its own polls them all, in pipeline mode: a call's prologue, statements and Sync
/// are queued together and make one round trip. `PoolMachine` says which connection a call goes to.
public final class Database: Sendable {
  /// How it was set up.
  public let settings: DatabaseSettings
  let engine: Engine
  private let streamCount = Atomic<Int>(0)

  /// Makes a pool that is not running yet.
  public init(settings: DatabaseSettings, logger: Logger) {
    self.settings = settings
    engine = Engine(settings: settings, logger: logger)
  }

  deinit { engine.submit(.stop(nil)) }

  /// Starts the thread and the first connections. An absent database is tried again until it is
  /// there, so this does not fail on one.
  /// - Throws: `PostgresError.unavailable` when there is no file descriptor or thread left.
  public func start() throws(PostgresError) { try engine.start() }

  /// Lets what is in flight finish, for at most `settings.stuckTimeout`, refuses the rest with
  /// `unavailable`, and closes every connection.
  public func close() async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      if !engine.submit(.stop(continuation)) { continuation.resume() }
    }
  }

  /// Runs queries in one implicit transaction and one round trip: all of them or none.
  ///
  /// It returns only once the pipeline's Sync was read, since a deferred constraint may still
  /// refuse after a statement's own success.
  /// - Parameters:
  ///   - scope: whose rows the queries may see and write.
  ///   - deadline: when to give up; nil means `settings.callTimeout` from now.
  /// - Returns: each query's rows, in order; a query of `NoRow` answers one per affected row.
  @discardableResult
  public nonisolated(nonsending) func run<each Row: PostgresRow>(
    _ scope: Scope, deadline: ContinuousClock.Instant? = nil, _ query: repeat Query<each Row>
  ) async throws(PostgresError) -> (repeat [each Row]) {
    var queries: [AnyQuery] = []
    repeat queries.append((each query).erased)
    var blocks = BlockCursor(blocks: try await perform(scope, deadline, queries))
    return (repeat try blocks.next((each Row).self))
  }

  /// The same for a list whose length is known only at run time.
  /// - Returns: how many rows each query affected or answered.
  @discardableResult
  public nonisolated(nonsending) func run(
    _ scope: Scope, deadline: ContinuousClock.Instant? = nil, all queries: [AnyQuery]
  ) async throws(PostgresError) -> [Int] {
    try await perform(scope, deadline, queries).map(\.rows)
  }

  private nonisolated(nonsending) func perform(
    _ scope: Scope, _ deadline: ContinuousClock.Instant?, _ queries: [AnyQuery]
  ) async throws(PostgresError) -> [RowBlock] {
    guard !Task.isCancelled else { throw .cancelled }
    let call = Call(
      .single, scope: scope, queries: queries, deadline: deadline ?? .now + settings.callTimeout)
    return try await call.perform(on: engine).get()
  }

  /// Payloads of `NOTIFY channel`, from a connection that all channels share. An empty payload is
  /// also sent whenever that connection was made anew, since something may have been missed before.
  /// - Parameter channel: letters, digits and underscores, at most 63; other names give a stream
  ///   that ends at once.
  public func notifications(channel: String) -> AsyncStream<String> {
    let id = streamCount.add(1, ordering: .relaxed).newValue
    return AsyncStream(bufferingPolicy: .bufferingNewest(64)) { continuation in
      let isName = channel.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
      }
      guard isName, (1...63).contains(channel.utf8.count),
        engine.submit(.listen(channel: channel, id: id, continuation))
      else {
        continuation.finish()
        return
      }
      continuation.onTermination = { [engine] _ in
        engine.submit(.unlisten(channel: channel, id: id))
      }
    }
  }

  /// Whether a connection is up: what readiness asks.
  public var isAvailable: Bool { engine.readyConnections.load(ordering: .relaxed) > 0 }

  /// The pool as it stands and what it has done, for tests and metrics; all zero when it is closed.
  public func statistics() async -> PoolStatistics {
    await withUnsafeContinuation { continuation in
      if !engine.submit(.statistics(continuation)) { continuation.resume(returning: .init()) }
    }
  }
}

/// Hands out a call's answers, one query after the other.
struct BlockCursor {
  let blocks: [RowBlock]
  private var position = 0

  init(blocks: [RowBlock]) { self.blocks = blocks }

  mutating func next<Row: PostgresRow>(_ type: Row.Type) throws(PostgresError) -> [Row] {
    guard blocks.indices.contains(position) else { throw .decoding("a query without an answer") }
    defer { position += 1 }
    return try blocks[position].decode(type)
  }
}
