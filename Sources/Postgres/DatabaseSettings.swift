/// How a pool reaches its database, and every bound it keeps.
public struct DatabaseSettings: Sendable, Hashable {
  /// How a call's transaction learns whose rows it may see.
  public enum PrologueForm: String, Sendable, Hashable, CaseIterable {
    /// `set_config` in the pipeline's implicit transaction: what plain PostgreSQL wants.
    case setConfig = "set-config"
    /// `BEGIN; SET LOCAL …; …; COMMIT` in one pipeline: what reaches the shards of Citus.
    case setLocal = "set-local"
  }

  /// A libpq connection string or URI, such as `host=/run/postgresql dbname=clientele
  /// user=identity`. Several hosts and `target_session_attrs=read-write` give failover: they are
  /// tried one after the other, each for `connectTimeout` at most. Names are looked up on a thread
  /// of their own. Over TCP `sslmode` is `verify-full` unless the string says otherwise.
  public var connection: String

  /// Whether a connection string can be read at all; one that cannot never connects.
  public static func isReadable(connection: String) -> Bool {
    ConnectionString.isReadable(connection)
  }

  /// How the prologue is sent.
  public var prologue = PrologueForm.setConfig

  /// Most connections, opened as they are needed.
  public var connectionsMax = 16

  /// Connections beside these that only critical statements use, so that a session check never
  /// waits for what holds all others.
  public var connectionsReserved = 1

  /// Connections opened at the start and kept warm.
  public var connectionsMin = 1

  /// Most connections that reads spread over while they can queue behind one another; one fewer
  /// than there are, so that a transaction finds one.
  public var readConnectionsMax = 4

  /// Most calls waiting for a connection, and as many critical ones; the next one is refused with
  /// `queueFull`.
  public var waitersMax = 64

  /// The longest a call waits while every connection is busy; it ends with `queueFull`.
  public var queueWait: Duration = .milliseconds(100)

  /// The longest a call waits while a connection is being opened, or while there is none; it ends
  /// with `unavailable` when there was none. No shorter than `queueWait`.
  public var connectionWait: Duration = .seconds(1)

  /// Most statements in flight on one connection, prologues included.
  public var pipelineStatementsMax = 32

  /// Most bytes of parameters in flight on one connection; a call alone may have more.
  public var pipelineBytesMax = 256 * 1024

  /// Most bytes one call's answer may take; beyond them it ends with `decoding`, and a write that
  /// answers so much may have happened all the same. `Database.withRows` reads more.
  public var resultBytesMax = 8 * 1024 * 1024

  /// Bytes of rows that `Database.withRows` holds for a reader that is slower than the server.
  public var streamBytesMax = 256 * 1024

  /// The deadline of calls that name none.
  public var callTimeout: Duration = .seconds(5)

  /// The deadline of streams of rows that name none.
  public var streamTimeout: Duration = .seconds(300)

  /// The longest that looking up the hosts' names, and each attempt to connect, may take.
  public var connectTimeout: Duration = .seconds(2)

  /// How long after its deadline an abandoned answer may still keep its connection.
  public var stuckTimeout: Duration = .seconds(5)

  /// The first and the longest pause after each host was tried in vain, each jittered by half.
  public var reconnectPauseMin: Duration = .milliseconds(50)
  public var reconnectPauseMax: Duration = .seconds(1)

  /// Settings for a connection string, with the defaults of `reliability.md` 3.5.
  public init(connection: String) { self.connection = connection }
}
