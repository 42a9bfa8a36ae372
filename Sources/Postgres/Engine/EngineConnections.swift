import CLibPQ
import Logging
import Synchronization

/// Connections as they come and go.
extension Engine {
  /// Starts an attempt, once the hosts' addresses are known.
  func open(_ lease: Lease) {
    if hosts.needsLookUp(now: now) { lookUp() }
    guard let target = hosts.current else {
      unresolved.append((lease, now + settings.connectTimeout))
      return
    }
    do throws(PostgresError) {
      connections[lease.slot] = try Connection(
        settings: settings, target: target, lease: lease,
        connectBy: now + settings.connectTimeout)
    } catch {
      failConnecting(lease, target, error)
    }
  }

  /// getaddrinfo blocks, so it has a thread of its own; one at a time.
  func lookUp() {
    guard hosts.startLookUp(now: now) else { return }
    let names = hosts.names
    let isStarted = IOThread.start(named: "postgres-dns") { [weak self] in
      let addresses = HostList.lookUp(names)
      self?.submit(.resolved(addresses))
    }
    if !isStarted { hosts.resolved([:], now: now) }
  }

  func resolved(_ addresses: [String: [String]]) {
    hosts.resolved(addresses, now: now)
    let waiting = unresolved
    unresolved = []
    for attempt in waiting {
      if hosts.current == nil {
        failConnecting(attempt.lease, nil, .unavailable("no host of the database has an address"))
      } else {
        open(attempt.lease)
      }
    }
  }

  /// Gives up on attempts that take too long.
  func expireAttempts() {
    for attempt in unresolved where attempt.until <= now {
      failConnecting(
        attempt.lease, nil, .unavailable("looking up the database's hosts took too long"))
    }
    unresolved.removeAll { $0.until <= now }
    for case let connection? in connections
    where !connection.isReady && connection.connectBy <= now {
      failConnecting(
        connection.lease, connection.target, .unavailable("the attempt took too long"))
    }
  }

  private func failConnecting(_ lease: Lease, _ target: HostTarget?, _ error: PostgresError) {
    if let connection = connections[lease.slot], connection.lease == lease {
      connection.close()
      connections[lease.slot] = nil
    }
    let message = if case .unavailable(let message) = error { message } else { "\(error)" }
    if lastConnectFailure == nil {
      logger.warning("no connection to the database", metadata: ["cause": "\(message)"])
    }
    lastConnectFailure = message
    tally.connectFailures += 1
    tell(.failed(lease, isRoundOver: hosts.failed(target)))
  }

  /// Serves a connection that poll found ready.
  func serve(_ slot: Int) {
    guard let connection = connections[slot] else { return }
    guard connection.isReady else {
      goOnConnecting(connection)
      return
    }
    let isAlive = connection.consumeInput()
    if connection.copy != .none { serveCopy(connection) } else { readAnswers(connection) }
    if connection.incompleteBytes > settings.resultBytesMax { refuseSize(of: connection) }
    guard let connection = connections[slot] else { return }  // an answer ended it
    if !isAlive || connection.isBroken {
      lose(slot, because: connection.errorMessage)
    } else if connection.hasUnsentBytes {
      if !connection.flush() {
        lose(slot, because: connection.errorMessage)
      } else if connection.copy != .none {
        serveCopy(connection)
      }
    }
  }

  private func goOnConnecting(_ connection: Connection) {
    if !connection.continueConnecting() {
      failConnecting(
        connection.lease, connection.target, .unavailable(connection.errorMessage))
    } else if connection.isReady {
      readyConnections.wrappingAdd(1, ordering: .relaxed)
      hosts.worked(connection.target)
      tally.connectionsMade += 1
      lastConnectFailure = nil
      tell(.connected(connection.lease))
    }
  }

  /// libpq gathers a whole answer before it shows any of it, so its size is watched from outside.
  private func refuseSize(of connection: Connection) {
    guard connections[connection.lease.slot] === connection, let call = connection.calls.first
    else { return }
    if !call.lossIsUnknown { call.failure = call.failure ?? Self.tooLarge(settings) }
    lose(connection.lease.slot, because: "an answer of more than resultBytesMax")
  }

  static func tooLarge(_ settings: DatabaseSettings) -> PostgresError {
    .decoding(
      "an answer of more than \(settings.resultBytesMax) bytes (resultBytesMax): read it row by "
        + "row with Database.withRows, or ask for less")
  }

  /// Closes a connection and ends its calls: what was written is unknown, the rest is not.
  func lose(_ slot: Int, because message: String) {
    guard let connection = connections[slot] else { return }
    connections[slot] = nil
    if connection.isReady {
      readyConnections.wrappingSubtract(1, ordering: .relaxed)
      tally.connectionsLost += 1
    }
    tell(.lost(connection.lease))
    for call in connection.calls.removeAll() { finishLost(call, message) }
    connection.copy.fail(.unavailable(message))
    connection.close()
    logger.debug("a database connection closed", metadata: ["cause": "\(message)"])
  }

  private func finishLost(_ call: Call, _ message: String) {
    // A statement of it was refused, so its transaction cannot have been kept.
    if let failure = call.failure {
      finish(call, .failure(failure))
    } else {
      finish(call, .failure(call.lossIsUnknown ? .unknownOutcome : .unavailable(message)))
    }
  }
}
