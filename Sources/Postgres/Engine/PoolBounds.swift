/// One connection, as long as it is the same one.
struct Lease: Sendable, Hashable {
  let slot: Int
  let generation: UInt64
}

/// What a call asks of a connection.
struct CallLoad: Sendable, Hashable {
  enum Kind: Sendable { case read, write, reservation }

  var kind: Kind
  var statements: Int
  var bytes: Int
  /// Whether it may use the connections that are kept for such calls.
  var isCritical = false

  /// Lines of waiting calls.
  static let criticalLine = 0
  static let readLine = 1
  static let writeLine = 2

  /// The line it waits in.
  var line: Int {
    if isCritical { return Self.criticalLine }
    return kind == .read ? Self.readLine : Self.writeLine
  }
}

/// The settings a pool's decisions rest on, brought into range.
struct PoolBounds: Sendable, Hashable {
  var connections: Int
  var reserved: Int
  var warm: Int
  var readConnections: Int
  var waiters: Int
  var queueWait: Duration
  var connectionWait: Duration
  var statements: Int
  var bytes: Int
  var pauseMin: Duration
  var pauseMax: Duration

  init(_ settings: DatabaseSettings) {
    connections = max(1, settings.connectionsMax)
    reserved = max(0, settings.connectionsReserved)
    warm = min(max(0, settings.connectionsMin), connections)
    // One is left for transactions: new reads join those that are being read before one gets a place.
    readConnections = min(max(1, settings.readConnectionsMax), max(1, connections - 1))
    waiters = max(0, settings.waitersMax)
    queueWait = max(.zero, settings.queueWait)
    connectionWait = max(.zero, settings.connectionWait)
    statements = max(1, settings.pipelineStatementsMax)
    bytes = max(1, settings.pipelineBytesMax)
    pauseMin = max(.milliseconds(1), settings.reconnectPauseMin)
    pauseMax = max(pauseMin, settings.reconnectPauseMax)
  }
}

/// Random numbers that a seed repeats, so that a pool's decisions can be run again.
struct Jitter: RandomNumberGenerator, Sendable {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
