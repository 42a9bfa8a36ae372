/// A pool at one moment, and what it has done since it was made: plain numbers for tests and for
/// whoever renders metrics.
public struct PoolStatistics: Sendable, Hashable {
  /// Connections that are up.
  public var connectionsReady = 0
  /// Of these, how many an open transaction holds.
  public var connectionsReserved = 0
  /// Of these, how many have nothing to do.
  public var connectionsIdle = 0
  /// Connections that are being opened.
  public var connectionsConnecting = 0
  /// Calls that wait for a connection.
  public var callsWaiting = 0
  /// Calls whose answers are awaited.
  public var callsSent = 0

  /// Connections made since the start; all but the first few are reconnects.
  public var connectionsMade = 0
  /// Connections that were up and were closed, by either side.
  public var connectionsLost = 0
  /// Attempts to connect that failed.
  public var connectFailures = 0
  /// Statements sent, prologues not counted.
  public var statementsSent = 0
  /// Transactions whose success was confirmed.
  public var callsDone = 0
  /// Transactions of which nothing was kept, those that were never sent among them.
  public var callsRefused = 0
  /// Transactions that may or may not have happened (`PostgresError.unknownOutcome`).
  public var callsUnknown = 0
  /// Calls sent anew because a statement had to be prepared again or two transactions collided.
  public var callsRetried = 0
  /// How long calls waited for a connection.
  public var queueTime = QueueTime()

  /// A histogram of waits.
  public struct QueueTime: Sendable, Hashable {
    /// The buckets' upper bounds, in milliseconds; a last bucket has none.
    public static let boundsMilliseconds = [1, 5, 10, 25, 50, 100, 250, 1000]
    /// How many calls waited no longer than each bound and longer than the one before it; the last
    /// one counts those beyond all bounds.
    public var counts = [Int](repeating: 0, count: boundsMilliseconds.count + 1)
    /// All waits together.
    public var sum: Duration = .zero
  }

  mutating func noteQueueTime(_ waited: Duration) {
    guard waited > .zero else {
      queueTime.counts[0] += 1
      return
    }
    let bucket = QueueTime.boundsMilliseconds.firstIndex { waited <= .milliseconds($0) }
    queueTime.counts[bucket ?? QueueTime.boundsMilliseconds.count] += 1
    queueTime.sum += waited
  }
}

extension Engine {
  var statistics: PoolStatistics {
    var statistics = tally
    statistics.connectionsReady = pool.readyCount
    statistics.connectionsConnecting = pool.connectingCount
    statistics.connectionsReserved = pool.slots.count { $0.isReserved }
    statistics.connectionsIdle = pool.slots.count { $0.isFree }
    statistics.callsWaiting = pool.waitingCount
    for case let connection? in connections { statistics.callsSent += connection.calls.count }
    return statistics
  }
}
