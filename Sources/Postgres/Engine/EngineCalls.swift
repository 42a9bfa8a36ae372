import CLibPQ
import Logging
import Synchronization

/// Calls on their way to a connection.
extension Engine {
  /// Sends a call at once where it can be, lets it wait, or refuses it.
  func accept(_ call: Call) {
    guard call.deadline > now || isRollback(call) else {
      call.finish(.failure(.deadlineExceeded))
      return
    }
    switch call.purpose {
    case .step(let lease), .commit(let lease), .rollback(let lease):
      guard let connection = connection(of: lease) else {
        call.finish(.failure(.unavailable("the transaction's connection was lost")))
        return
      }
      send(call, on: connection)
    case .single, .begin:
      let line = call.load.kind == .read ? waitingReads : waitingWrites
      // What came first goes first, unless nobody waits.
      if line.isEmpty, place(call) { return }
      guard waitingReads.count + waitingWrites.count < settings.waitersMax else {
        let error: PostgresError = pool.count(.ready) == 0 ? noConnection : .queueFull
        call.finish(.failure(error))
        return
      }
      if call.load.kind == .read { waitingReads.append(call) } else { waitingWrites.append(call) }
    }
  }

  /// Sends who waits, oldest first, as far as connections allow.
  func dispatchWaiting() {
    while let call = waitingReads.first, place(call) { waitingReads.popFirst() }
    while let call = waitingWrites.first, place(call) { waitingWrites.popFirst() }
  }

  private func place(_ call: Call) -> Bool {
    // A call whose send broke its connection found an end of its own.
    guard !call.isFinished else { return true }
    switch pool.placement(of: call.load, mayOpen: mayOpen) {
    case .slot(let slot):
      guard let connection = connections[slot] else { return false }
      send(call, on: connection)
      return true
    case .wait:
      return false
    }
  }

  /// Whether another connection is coming or may be opened now.
  private var mayOpen: Bool {
    pool.count(.connecting) > 0 || (pool.emptySlot != nil && now >= connectNotBefore)
  }

  private func connection(of lease: Lease) -> Connection? {
    guard connections.indices.contains(lease.slot), let connection = connections[lease.slot],
      connection.generation == lease.generation, connection.isReady
    else { return nil }
    return connection
  }

  private func send(_ call: Call, on connection: Connection) {
    let remaining = call.deadline - now
    guard remaining > .zero || isRollback(call) else {
      call.finish(.failure(.deadlineExceeded))
      return
    }
    pool.sent(call.load, to: connection.slot)
    if case .begin = call.purpose {
      call.lease = Lease(slot: connection.slot, generation: connection.generation)
    }
    // At least one: PostgreSQL takes 0 for no limit at all.
    if !connection.send(call, timeout: max(1, remaining.wholeMilliseconds)) {
      // Part of it may have left, so it ends like any call whose connection broke.
      if connection.calls.isEmpty || !connection.contains(call) { connection.calls.append(call) }
      lose(connection.slot, because: connection.errorMessage)
    }
  }

  private func isRollback(_ call: Call) -> Bool {
    if case .rollback = call.purpose { true } else { false }
  }

  /// Gives a transaction's connection back; it is reused only when nothing is left open on it.
  func release(_ lease: Lease) {
    guard let connection = connection(of: lease) else { return }
    guard connection.calls.isEmpty, connection.isIdleOutsideTransaction else {
      lose(lease.slot, because: "a transaction was left open")
      return
    }
    pool.released(lease.slot)
  }

  // MARK: Deadlines

  func expireWaiting() {
    let isDown = pool.count(.ready) == 0
    let fullError: PostgresError = isDown ? noConnection : .queueFull
    for call in waitingReads.removeAll(where: { $0.queuedUntil <= now })
      + waitingWrites.removeAll(where: { $0.queuedUntil <= now })
    {
      call.finish(.failure(call.deadline <= now && !isDown ? .deadlineExceeded : fullError))
    }
  }

  var noConnection: PostgresError {
    .unavailable(lastConnectFailure ?? "no connection to the database")
  }

  /// Lets callers go whose deadline passed although PostgreSQL was to keep it, and closes
  /// connections that stay silent.
  func expireSent() {
    for slot in connections.indices {
      guard let connection = connections[slot] else { continue }
      if !connection.isReady {
        if connection.connectBy <= now { failConnecting(slot, "the attempt took too long") }
        continue
      }
      var isStuck = false
      connection.calls.forEach { call in
        let due = call.deadline + Self.answerGrace
        guard due <= now else { return }
        if !call.isFinished {
          call.finish(.failure(call.lossIsUnknown ? .unknownOutcome : .deadlineExceeded))
        }
        if due + settings.stuckTimeout <= now { isStuck = true }
      }
      if isStuck { lose(slot, because: "an answer is long overdue") }
    }
  }

  // MARK: Connections

  /// Opens what is wanted: the warm minimum, one for each waiting write, room for reads to spread.
  func keepConnected() {
    guard now >= connectNotBefore else { return }
    while let slot = pool.emptySlot, wantsConnection {
      open(slot)
      guard now >= connectNotBefore else { return }
    }
  }

  private var wantsConnection: Bool {
    let connecting = pool.count(.connecting)
    if pool.count(.ready) + connecting < settings.connectionsMin { return true }
    if waitingWrites.count > connecting { return true }
    if !waitingReads.isEmpty, connecting == 0 { return true }
    return pool.readsWantMore
  }

  private func open(_ slot: Int) {
    pool.startedConnecting(slot)
    do throws(PostgresError) {
      connections[slot] = try Connection(
        connection: settings.connection, slot: slot, generation: pool.slots[slot].generation,
        connectBy: now + settings.connectTimeout)
    } catch {
      if case .unavailable(let message) = error { failConnecting(slot, message) }
    }
  }

  private func failConnecting(_ slot: Int, _ message: String) {
    connections[slot]?.close()
    connections[slot] = nil
    pool.lost(slot)
    if lastConnectFailure == nil {
      logger.warning("no connection to the database", metadata: ["cause": "\(message)"])
    }
    lastConnectFailure = message
    connectNotBefore = now + connectPause * Double.random(in: 0.5...1)
    connectPause = min(connectPause * 2, settings.reconnectPauseMax)
  }

  /// Serves a connection that poll found ready.
  func serve(_ slot: Int) {
    guard let connection = connections[slot] else { return }
    guard connection.isReady else {
      if !connection.continueConnecting() {
        failConnecting(slot, connection.errorMessage)
      } else if connection.isReady {
        pool.connected(slot)
        readyConnections.wrappingAdd(1, ordering: .relaxed)
        connectPause = settings.reconnectPauseMin
        lastConnectFailure = nil
      }
      return
    }
    let isAlive = connection.consumeInput()
    readAnswers(connection)
    guard let connection = connections[slot] else { return }  // an answer ended it
    if !isAlive || connection.isBroken {
      lose(slot, because: connection.errorMessage)
    } else if connection.hasUnsentBytes, !connection.flush() {
      lose(slot, because: connection.errorMessage)
    }
  }

  /// Closes a connection and ends its calls: what was written is unknown, the rest is not.
  func lose(_ slot: Int, because message: String) {
    guard let connection = connections[slot] else { return }
    connections[slot] = nil
    pool.lost(slot)
    if connection.isReady { readyConnections.wrappingSubtract(1, ordering: .relaxed) }
    for call in connection.calls.removeAll() { finishLost(call, message) }
    connection.close()
    logger.debug("a database connection closed", metadata: ["cause": "\(message)"])
  }

  private func finishLost(_ call: Call, _ message: String) {
    // A statement of it was refused, so its transaction cannot have been kept.
    if let failure = call.failure {
      call.finish(.failure(failure))
    } else {
      call.finish(.failure(call.lossIsUnknown ? .unknownOutcome : .unavailable(message)))
    }
  }
}

extension Connection {
  /// What poll is to wait for.
  var interest: Int16 {
    guard isReady else {
      return Int16(polling == PGRES_POLLING_READING ? POLLIN : POLLOUT)
    }
    return Int16(hasUnsentBytes ? POLLIN | POLLOUT : POLLIN)
  }

  func contains(_ call: Call) -> Bool {
    var isThere = false
    calls.forEach { if $0 === call { isThere = true } }
    return isThere
  }
}

extension Duration {
  /// Rounded down; a remainder is not worth a statement.
  var wholeMilliseconds: Int {
    let (seconds, attoseconds) = components
    return Int(clamping: seconds) &* 1000 &+ Int(attoseconds / 1_000_000_000_000_000)
  }
}
