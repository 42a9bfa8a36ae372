import CLibPQ
import Logging

/// Answers on their way back to the callers.
extension Engine {
  /// Takes every answer that has arrived whole, in the order of what was sent.
  func readAnswers(_ connection: Connection) {
    while let step = connection.steps.first, !connection.isPaused {
      guard !connection.isBusy else {
        connection.noteProgress(isComplete: false)
        break
      }
      guard let call = connection.calls.first else { break }
      connection.noteProgress(isComplete: true)
      let isUsable = connection.withNextAnswer { answer in
        note(answer, of: step, call, connection)
      }
      guard connections[connection.lease.slot] === connection else { return }
      guard isUsable else {
        lose(connection.lease.slot, because: connection.errorMessage)
        return
      }
    }
    // Rows that came together go to their reader together.
    if let call = connection.calls.first, call.feed != nil { pass(call, connection) }
  }

  /// - Returns: false when the connection is of no use any more.
  private func note(
    _ answer: Answer?, of step: Connection.Step, _ call: Call, _ connection: Connection
  ) -> Bool {
    guard let answer else {
      if case .sync = step {
        connection.strayNulls += 1
        return connection.strayNulls < 4
      }
      connection.endStep()
      return true
    }
    switch (step, answer.status) {
    case (.sync, .sync):
      connection.strayNulls = 0
      connection.steps.popFirst()
      connection.calls.popFirst()
      return finish(call, connection)
    case (_, .failed):
      return noteFailure(answer, of: step, call, connection)
    case (.prepare(let text), .aborted):
      connection.forget(text)
    case (.prepare, .command), (.frame, .command), (_, .aborted):
      break
    case (.prologue, .rows):
      if answer.rowCount != 1 { call.failure = call.failure ?? .decoding("no prologue") }
    case (.query, .oneRow):
      keepRow(answer, of: call, connection)
    case (.query, .rows), (.query, .command):
      keep(answer, of: call)
    default:
      call.failure = call.failure ?? .decoding("an answer that the extended protocol never gives")
      return false
    }
    return true
  }

  private func keep(_ answer: Answer, of call: Call) {
    if case .commit = call.purpose, answer.command != "COMMIT" {
      call.failure = .refused(
        sqlState: "25P02", constraint: nil, table: nil, message: "the transaction had failed")
      return
    }
    guard !call.isFinished, call.feed == nil || answer.rowCount > 0 else { return }
    let block = answer.copyRows()
    let size = call.blocks.reduce(block.bytes.count) { $0 + $1.bytes.count }
    if size > settings.resultBytesMax {
      call.failure = call.failure ?? Self.tooLarge(settings)
      call.blocks.removeAll()
    } else {
      call.blocks.append(block)
    }
  }

  /// Bytes of rows that are handed over together.
  private static let passBytes = 32 * 1024

  private func keepRow(_ answer: Answer, of call: Call, _ connection: Connection) {
    guard !call.isFinished else { return }
    if call.blocks.isEmpty { call.blocks.append(RowBlock()) }
    answer.appendRows(to: &call.blocks[0])
    if call.blocks[0].bytes.count >= Self.passBytes { pass(call, connection) }
  }

  private func pass(_ call: Call, _ connection: Connection) {
    guard let feed = call.feed, !call.blocks.isEmpty else { return }
    for block in call.blocks where !feed.push(block) { connection.isPaused = true }
    call.blocks.removeAll(keepingCapacity: true)
  }

  /// Keeps a refusal until the Sync confirms that the connection survived it.
  private func noteFailure(
    _ answer: Answer, of step: Connection.Step, _ call: Call, _ connection: Connection
  ) -> Bool {
    if case .prepare(let text) = step { connection.forget(text) }
    if answer.endsSession {
      // Sent while a commit was perhaps already made: its outcome is open.
      call.failure =
        call.failure
        ?? (call.lossIsUnknown ? .unknownOutcome : .unavailable(connection.errorMessage))
      return false
    }
    guard call.failure == nil else { return true }
    let error = answer.error
    call.failure = error
    call.failedQuery = call.blocks.count
    // Its own transaction begins with it, so the one that failed is the one before.
    if settings.prologue == .setLocal, call.isSingle, error.sqlState == "25P02" {
      call.cameTooEarly = true
    }
    guard let sqlState = error.sqlState,
      PostgresError.isStalePlan(sqlState: sqlState, message: error.refusalMessage)
    else { return true }
    let isUnknownToServer = sqlState == "26000"
    switch step {
    case .query:
      guard call.queries.indices.contains(call.failedQuery) else { break }
      let text = call.queries[call.failedQuery].text
      if isUnknownToServer { connection.forget(text) } else { connection.outdate(text) }
    case .prologue, .frame:
      // Every connection has the prologue; if it is gone, so is all else.
      if isUnknownToServer { connection.forgetAll() }
    case .prepare, .sync: break
    }
    return true
  }

  /// The Sync came back: only now is a success one.
  private func finish(_ call: Call, _ connection: Connection) -> Bool {
    tell(.finished(call.load, connection.lease))
    if call.feed != nil {
      // The last rows, also those before an error; nothing more comes to be held back.
      pass(call, connection)
      connection.isPaused = false
    }
    if connection.standbyWaitCut {
      connection.standbyWaitCut = false
      call.failure = .unknownOutcome
    }
    if call.isSingle, let failure = call.failure, settings.prologue == .setLocal {
      rollBackBetween(failure, call, connection)
    }
    if call.isSingle {
      guard connection.isIdleOutsideTransaction || !connection.calls.isEmpty else {
        finish(call, .failure(call.failure ?? .unknownOutcome))
        return false
      }
      if let failure = call.failure, mayGoAgain(call, failure) {
        call.startAnew()
        tally.callsRetried += 1
        accept(call)
        return true
      }
    }
    if let failure = call.failure {
      finish(call, .failure(failure))
      if case .begin = call.purpose {
        lose(connection.lease.slot, because: "a transaction did not begin")
      }
      if case .cleanUp = call.purpose { return false }
      return connections[connection.lease.slot] === connection && failure != Self.readOnly
    }
    return finishWell(call, connection)
  }

  /// Nothing of a refused transaction was kept, so it may be sent again where that helps.
  private func mayGoAgain(_ call: Call, _ failure: PostgresError) -> Bool {
    guard !call.isFinished else { return false }
    if call.cameTooEarly { return true }
    if failure.isStalePlan { return call.retryCount < Call.retryCountMax }
    // Counted with the first one, three attempts.
    return failure.isWorthRetrying && call.retryCount < Call.retryCountMax - 1
  }

  private func finishWell(_ call: Call, _ connection: Connection) -> Bool {
    if case .begin = call.purpose, call.isFinished {
      // Its caller left at the deadline, so nobody would give the connection back.
      lose(connection.lease.slot, because: "nobody waits for the transaction that began")
      return false
    }
    if case .cleanUp = call.purpose, connection.calls.isEmpty,
      !connection.isIdleOutsideTransaction
    {
      return false
    }
    if call.announces, !call.isOpenStep { owesAnnouncement = true }
    finish(call, .success(call.blocks))
    return true
  }

  /// A BEGIN of our own was followed by a refusal, so the transaction is open still. The connection
  /// serves nobody until a ROLLBACK has ended it; what was sent behind finds the transaction
  /// aborted, so nothing of it happened, and goes again.
  private func rollBackBetween(_ failure: PostgresError, _ call: Call, _ connection: Connection) {
    guard failure != .unknownOutcome, !call.cameTooEarly else { return }
    if connection.calls.isEmpty, connection.isIdleOutsideTransaction { return }
    accept(
      Call(
        .cleanUp(connection.lease), scope: .none,
        queries: [AnyQuery(Transaction.rollbackStatement())], deadline: now + settings.stuckTimeout)
    )
  }

  private static let readOnly = PostgresError.unavailable("the server is read-only")
}

extension PostgresError {
  var refusalMessage: String {
    if case .refused(_, _, _, let message) = self { message } else { "" }
  }

  var isStalePlan: Bool {
    guard case .refused(let sqlState, _, _, let message) = self else { return false }
    return Self.isStalePlan(sqlState: sqlState, message: message)
  }
}
