import CLibPQ

/// One step of a COPY on a connection that a transaction has to itself.
///
/// Safety: `@unchecked` for the same reason as `Call`: it is handed over through the engine's mutex,
/// and the continuation hands the outcome back, once.
final class CopyRequest: @unchecked Sendable {
  enum Step: Sendable {
    /// `copy … from stdin`.
    case start(String)
    case data([UInt8])
    /// Keeps what was sent, or refuses it for a reason.
    case end(refusing: String?)
  }

  let step: Step
  let lease: Lease
  let deadline: ContinuousClock.Instant
  /// What the server said before its last word.
  var answer: Result<Int, PostgresError>?
  private var continuation: UnsafeContinuation<Result<Int, PostgresError>, Never>?

  init(_ step: Step, lease: Lease, deadline: ContinuousClock.Instant) {
    self.step = step
    self.lease = lease
    self.deadline = deadline
  }

  /// Hands it to the engine and waits: for the server to be ready, for the bytes to have left, or
  /// for how many rows were taken.
  nonisolated(nonsending) func perform(on engine: Engine) async throws(PostgresError) -> Int {
    let result = await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Result<Int, PostgresError>, Never>) in
      self.continuation = continuation
      if !engine.submit(.copy(self)) { finish(.failure(.unavailable("the pool is closed"))) }
    }
    return try result.get()
  }

  func finish(_ result: Result<Int, PostgresError>) {
    guard let continuation else { return }
    self.continuation = nil
    continuation.resume(returning: result)
  }
}

/// How far a connection is with a COPY.
enum CopyPhase {
  /// It is in pipeline mode.
  case none
  /// It takes data, and none is being sent.
  case ready
  case busy(CopyRequest)

  static func == (left: CopyPhase, right: CopyPhase) -> Bool {
    switch (left, right) {
    case (.none, .none), (.ready, .ready): true
    case (.busy(let one), .busy(let other)): one === other
    default: false
    }
  }

  static func != (left: CopyPhase, right: CopyPhase) -> Bool { !(left == right) }

  var isUnderWay: Bool { self != .none }

  func isOverdue(now: ContinuousClock.Instant, grace: Duration) -> Bool {
    if case .busy(let request) = self { request.deadline + grace <= now } else { false }
  }

  mutating func fail(_ error: PostgresError) {
    if case .busy(let request) = self { request.finish(.failure(error)) }
    self = .none
  }
}

/// COPY, for which a connection leaves pipeline mode until the server has said its last word.
extension Engine {
  func accept(_ request: CopyRequest) {
    guard let connection = connection(of: request.lease) else {
      request.finish(.failure(.unavailable("the transaction's connection was lost")))
      return
    }
    guard begin(request.step, on: connection) else {
      connection.copy = .busy(request)
      lose(request.lease.slot, because: connection.errorMessage)
      return
    }
    connection.copy = .busy(request)
    serveCopy(connection)
  }

  private func begin(_ step: CopyRequest.Step, on connection: Connection) -> Bool {
    switch (step, connection.copy) {
    case (.start(let sql), .none):
      connection.calls.isEmpty && connection.leavePipeline() && connection.sendCopyCommand(sql)
    case (.data(let bytes), .ready): connection.putCopyData(bytes)
    case (.end(let refusal), .ready): connection.putCopyEnd(refusing: refusal)
    default: false
    }
  }

  /// Goes on with a COPY after something was read or written.
  func serveCopy(_ connection: Connection) {
    guard case .busy(let request) = connection.copy else { return }
    if case .data = request.step {
      // libpq has copied the bytes; the next ones are taken when these have left.
      guard !connection.hasUnsentBytes else { return }
      connection.copy = .ready
      request.finish(.success(0))
      return
    }
    while !connection.isBusy {
      let isDone = connection.withNextAnswer { noteCopy($0, request, connection) }
      if isDone { return }
    }
  }

  /// - Returns: whether the request has ended.
  private func noteCopy(
    _ answer: Answer?, _ request: CopyRequest, _ connection: Connection
  ) -> Bool {
    guard let answer else {
      // The command is over.
      guard connection.enterPipeline() else {
        lose(connection.lease.slot, because: connection.errorMessage)
        return true
      }
      connection.copy = .none
      request.finish(request.answer ?? .failure(.decoding("a COPY without an answer")))
      return true
    }
    switch (answer.status, request.step) {
    case (.copyIn, .start):
      connection.copy = .ready
      request.finish(.success(0))
      return true
    case (.command, _):
      request.answer = request.answer ?? .success(answer.affectedCount)
    case (.failed, _):
      request.answer = .failure(
        answer.endsSession ? .unavailable(connection.errorMessage) : answer.error)
      if answer.endsSession {
        lose(connection.lease.slot, because: connection.errorMessage)
        return true
      }
    default:
      lose(connection.lease.slot, because: "an answer that COPY never gives")
      return true
    }
    return false
  }
}
