import CLibPQ

/// One libpq connection, in pipeline mode but for the length of a COPY. Only the engine's thread
/// touches it.
final class Connection {
  /// What the next answer belongs to; a call's steps end with its Sync.
  enum Step {
    case prepare(StatementText)
    /// The `select` that sets whose rows are seen.
    case prologue
    /// A BEGIN or SET LOCAL of the prologue's other form, or its COMMIT.
    case frame
    case query
    case sync
  }

  let lease: Lease
  let target: HostTarget
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
  /// A reader of rows is behind: the socket is left alone until it has caught up.
  var isPaused = false
  /// The COPY under way, and what of it is being sent.
  var copy = CopyPhase.none
  /// How often input came without completing an answer, and about how many bytes.
  private var incompleteReads = 0
  private(set) var incompleteBytes = 0
  private var isSingleRow = false
  private let form: DatabaseSettings.PrologueForm
  private var names = PreparedNames()
  private var scratch = ParameterWriter()
  private var layout = ParameterLayout()

  /// Starts connecting, without blocking.
  init(
    settings: DatabaseSettings, target: HostTarget, lease: Lease,
    connectBy: ContinuousClock.Instant
  ) throws(PostgresError) {
    self.lease = lease
    self.target = target
    self.connectBy = connectBy
    form = settings.prologue
    guard let handle = ConnectionString.start(settings, target) else {
      throw .unavailable("out of memory")
    }
    self.handle = handle
    guard PQstatus(handle) != CONNECTION_BAD else {
      let message = String(cString: PQerrorMessage(handle))
      PQfinish(handle)
      throw .unavailable(message.trimmingNewlines)
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

  /// Whether each statement has parameters of the types it was first used with here.
  func accepts(_ call: Call) -> Bool {
    call.queries.allSatisfy { names.accepts($0.text, signature: $0.parameters.signature) }
  }

  /// Queues a call's statements and its Sync.
  /// - Returns: false when the connection is of no use any more.
  ///
  /// What is not prepared yet is prepared before anything is executed: a refused query then takes
  /// no preparation with it that a call behind this one counts on.
  func send(_ call: Call, timeout: Int) -> Bool {
    let setsConfig = call.carriesPrologue && form == .setConfig
    let isFramed = call.isSingle && form == .setLocal
    scratch.reset()
    if setsConfig {
      call.scope.appendPrologue(timeout: timeout, to: &scratch)
      guard prepare(Scope.prologue, scratch) else { return false }
    }
    if isFramed {
      guard prepare(Self.begin), prepare(Self.commit) else { return false }
    }
    for query in call.queries where !prepare(query.text, query.parameters) { return false }
    // A transaction's BEGIN comes before its prologue, all else behind.
    let beginsOwn = if case .begin = call.purpose { true } else { false }
    if isFramed, !send(Self.begin, Self.none, answers: .frame) { return false }
    if beginsOwn, !sendQueries(of: call) { return false }
    if setsConfig, !send(Scope.prologue, scratch, answers: .prologue) { return false }
    if call.carriesPrologue, form == .setLocal {
      for setting in call.scope.localSettings(timeout: timeout) where !sendPlain(setting) {
        return false
      }
    }
    if !beginsOwn, !sendQueries(of: call) { return false }
    if isFramed, !send(Self.commit, Self.none, answers: .frame) { return false }
    guard PQpipelineSync(handle) == 1 else { return false }
    steps.append(.sync)
    calls.append(call)
    askForSingleRows()
    return flush()
  }

  private static let begin = Transaction.beginStatement.text
  private static let commit = Transaction.commitStatement.text
  private static let none = ParameterWriter()

  private func sendQueries(of call: Call) -> Bool {
    for query in call.queries where !send(query.text, query.parameters, answers: .query) {
      return false
    }
    return true
  }

  private func send(
    _ text: StatementText, _ parameters: ParameterWriter, answers step: Step
  ) -> Bool {
    let isSent = parameters.bytes.withUnsafeBytes { bytes in
      layout.lay(bytes, count: parameters.count)
      return names.withName(of: text) {
        PQsendQueryPrepared(
          handle, $0, layout.count, layout.values, layout.lengths, layout.formats, 1) == 1
      }
    }
    if isSent { steps.append(step) }
    return isSent
  }

  /// A command that takes no parameters, such as SET. Never assembled from input.
  private func sendPlain(_ sql: String) -> Bool {
    guard PQsendQueryParams(handle, sql, 0, nil, nil, nil, nil, 1) == 1 else { return false }
    steps.append(.frame)
    return true
  }

  /// Prepares a statement that this connection does not have.
  private func prepare(
    _ text: StatementText, _ parameters: ParameterWriter = none
  ) -> Bool {
    guard names.add(text) else { return true }
    let isSent = parameters.bytes.withUnsafeBytes { bytes in
      layout.lay(bytes, count: parameters.count)
      return names.withName(of: text) {
        PQsendPrepare(handle, $0, text.sqlCString, layout.count, layout.types) == 1
      }
    }
    if isSent { steps.append(.prepare(text)) }
    return isSent
  }

  /// Sends what libpq still holds.
  /// - Returns: false when the connection broke.
  func flush() -> Bool {
    let outcome = PQflush(handle)
    hasUnsentBytes = outcome == 1
    return outcome >= 0
  }

  /// The server does not have it (any more).
  func forget(_ text: StatementText) { names.forget(text) }

  /// The server has none of them any more, as after DISCARD ALL.
  func forgetAll() { names.forgetAll() }

  /// Its plan is of no use any more; the next use prepares it under another name.
  func outdate(_ text: StatementText) { names.outdate(text) }

  // MARK: Receiving

  /// Reads what has arrived.
  /// - Returns: false when the connection broke.
  func consumeInput() -> Bool {
    guard incompleteReads > 3 else { return PQconsumeInput(handle) == 1 }
    // A long answer: libpq does not say how much it has taken, so that is told from what is left
    // and from the least it takes when there is enough.
    let before = arrivedBytes
    defer { incompleteBytes += max(min(before, 16384), before - arrivedBytes) }
    return PQconsumeInput(handle) == 1
  }

  private var arrivedBytes: Int {
    var count: Int32 = 0
    return clientele_readable(descriptor, &count) == 0 ? Int(count) : 0
  }

  /// What was read has or has not completed an answer.
  func noteProgress(isComplete: Bool) {
    incompleteReads = isComplete ? 0 : incompleteReads + 1
    if isComplete { incompleteBytes = 0 }
  }

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

  /// Ends a statement's answers.
  func endStep() {
    steps.popFirst()
    isSingleRow = false
    askForSingleRows()
  }

  /// libpq takes the wish only once the query is the one whose answer comes next.
  private func askForSingleRows() {
    guard !isSingleRow, calls.first?.feed != nil, case .query? = steps.first else { return }
    isSingleRow = PQsetSingleRowMode(handle) == 1
  }

  // MARK: COPY, which a pipeline does not take

  func leavePipeline() -> Bool { PQexitPipelineMode(handle) == 1 }

  func enterPipeline() -> Bool { PQenterPipelineMode(handle) == 1 }

  func sendCopyCommand(_ sql: String) -> Bool { PQsendQuery(handle, sql) == 1 && flush() }

  func putCopyData(_ bytes: [UInt8]) -> Bool {
    let isTaken = bytes.withUnsafeBytes { bytes in
      PQputCopyData(
        handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        Int32(truncatingIfNeeded: bytes.count)) == 1
    }
    return isTaken && flush()
  }

  /// - Parameter refusal: why nothing of it is to be kept; nil keeps it.
  func putCopyEnd(refusing refusal: String?) -> Bool {
    PQputCopyEnd(handle, refusal) == 1 && flush()
  }
}

extension ParameterWriter {
  mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    count = 0
    signature = ParameterWriter().signature
  }
}

extension String {
  var trimmingNewlines: String {
    var text = self[...]
    while text.last?.isNewline == true { text = text.dropLast() }
    return String(text)
  }
}
