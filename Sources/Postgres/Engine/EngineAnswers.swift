import CLibPQ
import Logging

/// Answers on their way back to the callers.
extension Engine {
  /// Takes every answer that has arrived whole, in the order of what was sent.
  func readAnswers(_ connection: Connection) {
    while let step = connection.steps.first, !connection.isBusy {
      guard let call = connection.calls.first else { break }
      let isUsable = connection.withNextAnswer { answer in
        note(answer, of: step, call, connection)
      }
      guard connections[connection.slot] === connection else { return }
      guard isUsable else {
        lose(connection.slot, because: connection.errorMessage)
        return
      }
    }
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
      connection.steps.popFirst()
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
    case (.prepare, .command), (_, .aborted):
      break
    case (.prologue, .rows):
      if answer.copyRows().rows != 1 { call.failure = call.failure ?? .decoding("no prologue") }
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
    guard !call.isFinished else { return }
    let block = answer.copyRows()
    let size = call.blocks.reduce(block.bytes.count) { $0 + $1.bytes.count }
    if size > settings.resultBytesMax {
      call.failure = call.failure ?? .decoding("an answer of more than resultBytesMax")
      call.blocks.removeAll()
    } else {
      call.blocks.append(block)
    }
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
    guard let sqlState = error.sqlState,
      PostgresError.isStalePlan(sqlState: sqlState, message: error.refusalMessage)
    else { return true }
    let isUnknownToServer = sqlState == "26000"
    switch step {
    case .query:
      guard call.queries.indices.contains(call.failedQuery) else { break }
      let text = call.queries[call.failedQuery].text
      if isUnknownToServer { connection.forget(text) } else { connection.outdate(text) }
    case .prologue:
      // Every connection has the prologue; if it is gone, so is all else.
      if isUnknownToServer { connection.forgetAll() }
    case .prepare, .sync: break
    }
    return true
  }

  /// The Sync came back: only now is a success one.
  private func finish(_ call: Call, _ connection: Connection) -> Bool {
    pool.finished(call.load, on: connection.slot)
    if connection.standbyWaitCut {
      connection.standbyWaitCut = false
      call.failure = .unknownOutcome
    }
    if case .single = call.purpose {
      guard connection.isIdleOutsideTransaction || !connection.calls.isEmpty else {
        call.finish(.failure(call.failure ?? .unknownOutcome))
        return false
      }
      if let failure = call.failure, failure.isStalePlan, call.retryCount < Call.retryCountMax,
        !call.isFinished
      {
        call.startAnew()
        accept(call)
        return true
      }
    }
    if let failure = call.failure {
      call.finish(.failure(failure))
      if case .begin = call.purpose {
        lose(connection.slot, because: "a transaction did not begin")
      }
      return connections[connection.slot] === connection && failure != Engine.readOnly
    }
    if case .begin = call.purpose, call.isFinished {
      // Its caller left at the deadline, so nobody would give the connection back.
      lose(connection.slot, because: "nobody waits for the transaction that began")
      return false
    }
    if call.announces, !call.isOpenStep { owesAnnouncement = true }
    call.finish(.success(call.blocks))
    return true
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
