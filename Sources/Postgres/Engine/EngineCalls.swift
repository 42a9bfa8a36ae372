import CLibPQ
import Logging

/// Calls on their way to a connection.
extension Engine {
  /// Tells the pool what happened and does what it answers.
  func tell(_ event: PoolMachine<Call>.Event) {
    pool.handle(event, now: now, &actions)
    guard !isObeying, !actions.isEmpty else { return }
    isObeying = true
    // What is done may make more to do.
    var index = 0
    while index < actions.count {
      let action = actions[index]
      index += 1
      obey(action)
    }
    actions.removeAll(keepingCapacity: true)
    isObeying = false
  }

  private func obey(_ action: PoolMachine<Call>.Action) {
    switch action {
    case .open(let lease): open(lease)
    case .send(let call, let load, let lease, let waited):
      tally.noteQueueTime(waited)
      guard let connection = connection(of: lease) else {
        finish(call, .failure(.unavailable("the connection was lost")))
        return
      }
      if !send(call, on: connection) {
        // Nothing of it is on its way.
        tell(.finished(load, lease))
        tell(.released(lease))
      }
    case .refuse(let call, let refusal):
      finish(call, .failure(error(of: refusal)))
    }
  }

  private func error(of refusal: PoolMachine<Call>.Refusal) -> PostgresError {
    switch refusal {
    case .queueFull: .queueFull
    case .noConnection: .unavailable(lastConnectFailure ?? "no connection to the database")
    case .deadlineExceeded: .deadlineExceeded
    case .withdrawn: .cancelled
    case .closed: .unavailable("the pool is closed")
    }
  }

  /// Ends a call and counts how.
  func finish(_ call: Call, _ outcome: Outcome) {
    let lossIsUnknown = call.lossIsUnknown
    guard call.finish(outcome), call.isSingle || !call.isOpenStep else { return }
    switch outcome {
    case .success: tally.callsDone += 1
    case .failure(.unknownOutcome): tally.callsUnknown += 1
    case .failure(.decoding) where lossIsUnknown: tally.callsUnknown += 1
    case .failure: tally.callsRefused += 1
    }
  }

  /// Sends a call at once where it can be, lets it wait, or refuses it.
  func accept(_ call: Call) {
    guard call.deadline > now || call.isDueAnyway else {
      finish(call, .failure(.deadlineExceeded))
      return
    }
    switch call.purpose {
    case .step(let lease), .commit(let lease), .rollback(let lease), .cleanUp(let lease):
      guard let connection = connection(of: lease), !connection.copy.isUnderWay else {
        finish(call, .failure(.unavailable("the transaction's connection was lost")))
        return
      }
      tell(.engaged(call.load, lease))
      if !send(call, on: connection) { tell(.finished(call.load, lease)) }
    case .single, .begin:
      if call.isWithdrawn {
        finish(call, .failure(.cancelled))
      } else {
        tell(.asked(call, call.load, deadline: call.deadline))
      }
    }
  }

  /// Its task was cancelled: it is taken back if it still waits for a connection.
  func withdraw(_ call: Call) {
    call.isWithdrawn = true
    tell(.withdrawn(call))
  }

  func connection(of lease: Lease) -> Connection? {
    guard connections.indices.contains(lease.slot), let connection = connections[lease.slot],
      connection.lease == lease, connection.isReady
    else { return nil }
    return connection
  }

  /// - Returns: false when nothing was sent: its time was up, or it can't be.
  private func send(_ call: Call, on connection: Connection) -> Bool {
    let remaining = call.deadline - now
    guard remaining > .zero || call.isDueAnyway else {
      finish(call, .failure(.deadlineExceeded))
      return false
    }
    guard connection.accepts(call) else {
      finish(call, .failure(.otherTypes))
      return false
    }
    tally.statementsSent += call.queries.count
    if case .begin = call.purpose { call.lease = connection.lease }
    // At least one: PostgreSQL takes 0 for no limit at all.
    if !connection.send(call, timeout: max(1, remaining.wholeMilliseconds)) {
      // Part of it may have left, so it ends like any call whose connection broke.
      if connection.calls.isEmpty || !connection.contains(call) { connection.calls.append(call) }
      lose(connection.lease.slot, because: connection.errorMessage)
    }
    return true
  }

  /// Gives a transaction's connection back; it is reused only when nothing is left open on it.
  func release(_ lease: Lease) {
    guard let connection = connection(of: lease) else { return }
    guard connection.calls.isEmpty, connection.copy == .none, connection.isIdleOutsideTransaction
    else {
      lose(lease.slot, because: "a transaction was left open")
      return
    }
    tell(.released(lease))
  }

  /// Goes on reading rows whose reader was behind.
  func resume(_ lease: Lease) {
    guard let connection = connection(of: lease), connection.isPaused else { return }
    connection.isPaused = false
    // Some may have been read from the socket already.
    readAnswers(connection)
  }

  // MARK: Deadlines

  /// Lets callers go whose deadline passed although PostgreSQL was to keep it, and closes
  /// connections that stay silent.
  func expireSent() {
    expireAttempts()
    for slot in connections.indices {
      guard let connection = connections[slot], connection.isReady else { continue }
      var isStuck = connection.copy.isOverdue(now: now, grace: Self.answerGrace)
      connection.calls.forEach { call in
        let due = call.deadline + Self.answerGrace
        guard due <= now else { return }
        if !call.isFinished {
          finish(call, .failure(call.lossIsUnknown ? .unknownOutcome : .deadlineExceeded))
        }
        if due + settings.stuckTimeout <= now { isStuck = true }
      }
      if isStuck { lose(slot, because: "an answer is long overdue") }
    }
  }
}

extension PostgresError {
  /// A statement was used with other types than before (datatype_mismatch).
  fileprivate static let otherTypes = PostgresError.refused(
    sqlState: "42804", constraint: nil, table: nil,
    message: "a parameter's Swift type differs from the one of the statement's first use")
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
