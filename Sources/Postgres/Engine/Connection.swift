import CLibPQ

/// One libpq connection in pipeline mode. Only the engine's thread touches it.
final class Connection {
  /// What the next answer belongs to; a call's steps end with its Sync.
  enum Step {
    case prepare(StatementText)
    case prologue
    case query
    case sync
  }

  let slot: Int
  let generation: UInt64
  private let handle: OpaquePointer
  private(set) var isReady = false
  private(set) var polling = PGRES_POLLING_WRITING
  let connectBy: ContinuousClock.Instant
  /// libpq could not send everything; poll for writability too.
  private(set) var hasUnsentBytes = false
  var steps = Ring<Step>()
  var calls = Ring<Call>()
  /// NULL results where a Sync was due, in a row; more than a few mean that libpq gave up.
  var strayNulls = 0
  /// Whether a commit's wait for its standby was cut off: committed here, perhaps nowhere else.
  var standbyWaitCut = false
  /// By statement number: whether it is prepared here, or about to be.
  private var prepared: [Bool] = []
  /// By statement number: the name's suffix, raised when a plan went stale; 0 for none.
  private var forms: [UInt32] = []
  private var scratch = ParameterWriter()
  private var values: [UnsafePointer<CChar>?] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []
  private var types: [Oid] = []

  /// Starts connecting, without blocking.
  init(
    connection: String, slot: Int, generation: UInt64, connectBy: ContinuousClock.Instant
  ) throws(PostgresError) {
    self.slot = slot
    self.generation = generation
    self.connectBy = connectBy
    guard let handle = ConnectionString.start(connection) else {
      throw .unavailable("out of memory")
    }
    self.handle = handle
    guard PQstatus(handle) != CONNECTION_BAD else {
      let message = String(cString: PQerrorMessage(handle))
      PQfinish(handle)
      throw .unavailable(message)
    }
  }

  /// Closes it; nothing may be called afterwards.
  func close() { PQfinish(handle) }

  /// Changes while connecting, so it is asked for before each poll.
  var descriptor: Int32 { PQsocket(handle) }

  var errorMessage: String {
    String(cString: PQerrorMessage(handle)).trimmingNewlines
  }

  /// Goes on connecting.
  /// - Returns: false when it failed.
  func continueConnecting() -> Bool {
    polling = PQconnectPoll(handle)
    if polling == PGRES_POLLING_FAILED { return false }
    guard polling == PGRES_POLLING_OK else { return true }
    guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else { return false }
    // Safety: libpq calls back only from calls on this handle, which `close` ends.
    PQsetNoticeReceiver(
      handle,
      { context, result in
        guard let context, let message = PQresultErrorField(result, PostgresField.message) else {
          return
        }
        if String(cString: message).contains("synchronous replication") {
          Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().standbyWaitCut = true
        }
      }, Unmanaged.passUnretained(self).toOpaque())
    isReady = true
    return true
  }

  // MARK: Sending

  /// Queues a call's statements and its Sync.
  /// - Returns: false when the connection is of no use any more.
  ///
  /// What is not prepared yet is prepared before anything is executed: a refused query then takes
  /// no preparation with it that a call behind this one counts on.
  func send(_ call: Call, timeout: Int) -> Bool {
    scratch.reset()
    if call.carriesPrologue {
      call.scope.appendPrologue(timeout: timeout, to: &scratch)
      guard prepare(Scope.prologue, scratch) else { return false }
    }
    for query in call.queries where !prepare(query.text, query.parameters) { return false }
    if case .begin = call.purpose {
      guard call.queries.allSatisfy(send), sendPrologue() else { return false }
    } else {
      if call.carriesPrologue, !sendPrologue() { return false }
      for query in call.queries where !send(query) { return false }
    }
    guard PQpipelineSync(handle) == 1 else { return false }
    steps.append(.sync)
    calls.append(call)
    return flush()
  }

  private func sendPrologue() -> Bool { send(Scope.prologue, scratch, answers: .prologue) }

  private func send(_ query: AnyQuery) -> Bool {
    send(query.text, query.parameters, answers: .query)
  }

  private func send(
    _ text: StatementText, _ parameters: ParameterWriter, answers step: Step
  ) -> Bool {
    parameters.bytes.withUnsafeBytes { bytes in
      layOut(bytes, count: parameters.count)
      let count = Int32(truncatingIfNeeded: values.count)
      guard
        withName(
          of: text, { PQsendQueryPrepared(handle, $0, count, values, lengths, formats, 1) == 1 })
      else { return false }
      steps.append(step)
      return true
    }
  }

  /// Prepares a statement that this connection does not have.
  private func prepare(_ text: StatementText, _ parameters: ParameterWriter) -> Bool {
    while prepared.count <= text.number {
      prepared.append(false)
      forms.append(0)
    }
    guard !prepared[text.number] else { return true }
    prepared[text.number] = true
    let isSent = parameters.bytes.withUnsafeBytes { bytes in
      layOut(bytes, count: parameters.count)
      let count = Int32(truncatingIfNeeded: values.count)
      return withName(of: text) { PQsendPrepare(handle, $0, text.sqlCString, count, types) == 1 }
    }
    if isSent { steps.append(.prepare(text)) }
    return isSent
  }

  /// Points libpq's four arrays into the parameters' buffer.
  private func layOut(_ bytes: UnsafeRawBufferPointer, count: Int) {
    values.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    types.removeAll(keepingCapacity: true)
    while formats.count < count { formats.append(1) }
    var offset = 0
    for _ in 0..<count {
      types.append(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      let length = Int32(
        bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: Int32.self))
      offset += 8
      lengths.append(max(0, length))
      if length < 0 {
        values.append(nil)
      } else {
        values.append(
          bytes.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) })
        offset += Int(length)
      }
    }
  }

  /// Sends what libpq still holds.
  /// - Returns: false when the connection broke.
  func flush() -> Bool {
    let outcome = PQflush(handle)
    hasUnsentBytes = outcome == 1
    return outcome >= 0
  }

  // MARK: Prepared statements

  private func withName<Result>(
    of text: StatementText, _ body: (UnsafePointer<CChar>) -> Result
  ) -> Result {
    let form = forms[text.number]
    guard form > 0 else { return body(text.nameCString) }
    return "\(text.name)_\(form)".withCString(body)
  }

  /// The server does not have it (any more).
  func forget(_ text: StatementText) {
    if prepared.indices.contains(text.number) { prepared[text.number] = false }
  }

  /// The server has none of them any more, as after DISCARD ALL.
  func forgetAll() {
    for index in prepared.indices { prepared[index] = false }
  }

  /// Its plan is of no use any more; the next use prepares it under another name.
  func outdate(_ text: StatementText) {
    forget(text)
    if forms.indices.contains(text.number) { forms[text.number] &+= 1 }
  }

  // MARK: Receiving

  /// Reads what has arrived.
  /// - Returns: false when the connection broke.
  func consumeInput() -> Bool { PQconsumeInput(handle) == 1 }

  var isBusy: Bool { PQisBusy(handle) == 1 }

  var isBroken: Bool { PQstatus(handle) == CONNECTION_BAD }

  /// Nothing open, nothing failed: it may serve another call.
  var isIdleOutsideTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_IDLE }

  /// The next answer; nil ends a statement's answers. It is cleared when `body` returns.
  func withNextAnswer<Result>(_ body: (Answer?) -> Result) -> Result {
    guard let result = PQgetResult(handle) else { return body(nil) }
    defer { PQclear(result) }
    return body(Answer(result: result))
  }
}

extension ParameterWriter {
  mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    count = 0
  }
}

extension String {
  var trimmingNewlines: String {
    var text = self[...]
    while text.last?.isNewline == true { text = text.dropLast() }
    return String(text)
  }
}
