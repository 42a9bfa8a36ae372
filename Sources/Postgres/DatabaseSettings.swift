/// How a pool reaches its database, and every bound it keeps.
public struct DatabaseSettings: Sendable, Hashable {
  /// A libpq connection string, such as `host=/run/postgresql dbname=clientele user=identity`.
  /// Several hosts and `target_session_attrs=read-write` give failover. Use `hostaddr` where the
  /// host is not a socket: libpq looks names up while it blocks the pool's thread.
  public var connection: String

  /// Most connections, opened as they are needed.
  public var connectionsMax = 16

  /// Connections opened at the start and kept warm.
  public var connectionsMin = 1

  /// Most connections that reads spread over while they can queue behind one another.
  public var readConnectionsMax = 4

  /// Most calls waiting for a connection; the next one is refused with `queueFull`.
  public var waitersMax = 64

  /// The longest a call waits for a connection. It ends with `queueFull` when all were busy and
  /// with `unavailable` when there was none.
  public var queueWait: Duration = .seconds(1)

  /// Most statements in flight on one connection, prologues included.
  public var pipelineStatementsMax = 32

  /// Most bytes of parameters in flight on one connection.
  public var pipelineBytesMax = 256 * 1024

  /// Most bytes one call's answer may take; beyond them it ends with `decoding`. A write that
  /// answers so much has happened all the same.
  public var resultBytesMax = 8 * 1024 * 1024

  /// The deadline of calls that name none.
  public var callTimeout: Duration = .seconds(5)

  /// The longest a connection attempt may take.
  public var connectTimeout: Duration = .seconds(2)

  /// How long after its deadline an abandoned answer may still keep its connection.
  public var stuckTimeout: Duration = .seconds(5)

  /// The first and the longest pause between connection attempts, each jittered by half.
  public var reconnectPauseMin: Duration = .milliseconds(50)
  public var reconnectPauseMax: Duration = .seconds(1)

  /// Settings for a connection string, with the defaults of `reliability.md` 3.5.
  public init(connection: String) { self.connection = connection }
}
