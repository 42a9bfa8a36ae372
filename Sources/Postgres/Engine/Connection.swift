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
  /// By statement number: 0 not prepared, n prepared under the name's n-th form.
  private var prepared: [UInt8] = []
  private var forms: [UInt8] = []
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
  func send(_ call: Call, timeout: Int) -> Bool {
    if case .begin = call.purpose {
      guard call.queries.allSatisfy(send), sendPrologue(call.scope, timeout: timeout) else {
        return false
      }
    } else {
      if call.carriesPrologue, !sendPrologue(call.scope, timeout: timeout) { return false }
      for query in call.queries where !send(query) { return false }
    }
    guard PQpipelineSync(handle) == 1 else { return false }
    steps.append(.sync)
    calls.append(call)
    return flush()
  }

  private func sendPrologue(_ scope: Scope, timeout: Int) -> Bool {
    scratch.reset()
    scope.appendPrologue(timeout: timeout, to: &scratch)
    return send(Scope.prologue, scratch, answers: .prologue)
  }

  private func send(_ query: AnyQuery) -> Bool {
    send(query.text, query.parameters, answers: .query)
  }

  private func send(
    _ text: StatementText, _ parameters: ParameterWriter, answers step: Step
  ) -> Bool {
    parameters.bytes.withUnsafeBytes { bytes in
      layOut(bytes, count: parameters.count)
      let count = Int32(truncatingIfNeeded: values.count)
      return withName(of: text) { name, isNew in
        if isNew {
          guard PQsendPrepare(handle, name, text.sqlCString, count, types) == 1 else {
            return false
          }
          steps.append(.prepare(text))
        }
        guard
          PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1) == 1
        else { return false }
        steps.append(step)
        return true
      }
    }
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
    of text: StatementText, _ body: (UnsafePointer<CChar>, _ isNew: Bool) -> Result
  ) -> Result {
    let number = text.number
    while prepared.count <= number {
      prepared.append(0)
      forms.append(0)
    }
    let isNew = prepared[number] == 0
    prepared[number] = 1
    guard forms[number] > 0 else { return body(text.nameCString, isNew) }
    return "\(text.name)_\(forms[number])".withCString { body($0, isNew) }
  }

  /// The server does not have it (any more).
  func forget(_ text: StatementText) {
    if prepared.indices.contains(text.number) { prepared[text.number] = 0 }
  }

  /// The server has none of them any more, as after DISCARD ALL.
  func forgetAll() {
    for index in prepared.indices { prepared[index] = 0 }
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
