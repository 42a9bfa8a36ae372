import HTTP2

/// One call as its channel sees it, through all of its attempts.
///
/// Safety: everything but the constants is touched on the channel's event loop only. `result`,
/// `queue` and `answer` are safe to use from anywhere.
final class ClientCall: @unchecked Sendable {
  enum Kind {
    /// The request is packed already if the call's compression says so.
    case unary(request: [UInt8], result: OneShot<RPCResponse>)
    case stream(opened: OneShot<Void>, queue: MessageQueue, answer: StreamAnswer)
    /// The channel's own question for the health of a server; belongs to one connection.
    case watch(request: [UInt8], tell: (HealthNews) -> Void)
  }

  let path: String
  let metadata: Metadata
  let deadline: Deadline
  let compression: Compression
  let waitsForReady: Bool
  let retries: RetryPolicy?
  let kind: Kind
  private let metrics: ChannelMetrics
  let responseBytesMax: Int

  /// The connection and the stream it is on; nil while it waits.
  var connection: ClientConnection?
  var stream: StreamHandle?
  var isEnded = false
  /// Why it ended, unless well.
  private(set) var failure: RPCError?

  // Of the attempt under way.
  var assembler: MessageAssembler
  var headers: Metadata?
  var message: ReceivedMessage?
  var httpStatus = 200
  var untakenBytes = 0
  var withheldBytes = 0

  // Of all attempts.
  /// How often a server said that it did not look at the call.
  var refusals = 0
  /// Attempts that a server looked at and that failed.
  var failures = 0
  /// Who sends the messages of a call with streams and waits for room.
  var writers: [OneShot<Void>] = []
  /// What a call with streams has sent, as long as it may have to be sent again.
  var outbox = Outbox()

  init(
    path: String, options: CallOptions, deadline: Deadline, kind: Kind, settings: ChannelSettings,
    config: MethodConfig? = nil, metrics: ChannelMetrics
  ) {
    self.path = path
    metadata = options.metadata
    self.deadline = deadline
    compression = options.compression
    waitsForReady = options.waitsForReady ?? config?.waitsForReady ?? settings.waitsForReady
    retries = config?.retries
    self.kind = kind
    self.metrics = metrics
    responseBytesMax = settings.responseBytesMax
    assembler = MessageAssembler(limit: settings.responseBytesMax)
  }

  /// True for the calls of the channel's user.
  var isUsers: Bool {
    if case .watch = kind { return false }
    return true
  }

  /// True while nothing of an answer has come and all that was sent is at hand.
  var canBeginAgain: Bool {
    guard headers == nil, !isEnded else { return false }
    switch kind {
    case .unary: return true
    case .stream: return outbox.isWhole
    case .watch: return false
    }
  }

  /// Makes ready for another attempt.
  func beginAgain() {
    assembler = MessageAssembler(limit: responseBytesMax)
    headers = nil
    message = nil
    httpStatus = 200
    untakenBytes = 0
    withheldBytes = 0
  }

  /// The server has begun to answer.
  func answerBegan(_ fields: ResponseFields, encoding: Compression) {
    headers = fields.metadata
    assembler.encoding = encoding
    guard case .stream(_, _, let answer) = kind else { return }
    outbox.commit(isSent: true)
    answer.began(fields.metadata)
  }

  /// Ends the call for whoever waits for it. What comes later changes nothing.
  func fail(_ error: RPCError, trailers: Metadata = Metadata()) {
    guard !isEnded else { return }
    isEnded = true
    failure = error
    if isUsers { metrics.handled(error.code) }
    switch kind {
    case .unary(_, let result):
      result.give(.failure(error))
    case .stream(let opened, let queue, let answer):
      answer.ended(trailers, error)
      opened.give(.failure(error))
      queue.finish(.failure(error))
      close()
    case .watch(_, let tell):
      tell(.ended(error))
    }
  }

  /// Ends the call well, with what the server's trailers say.
  func succeed(_ trailers: Metadata) {
    guard !isEnded else { return }
    switch kind {
    case .unary(_, let result):
      guard !assembler.isInsideMessage else {
        return fail(RPCError(.internalError, "the answer of \(path) is incomplete"))
      }
      guard let message else {
        return fail(RPCError(.unimplemented, "the call of \(path) ended without an answer"))
      }
      isEnded = true
      metrics.handled(.ok)
      result.give(
        .success(
          RPCResponse(
            message: message.bytes, headers: headers ?? Metadata(), trailers: trailers,
            wasCompressed: message.wasCompressed)))
    case .stream(let opened, let queue, let answer):
      guard !assembler.isInsideMessage else {
        return fail(RPCError(.internalError, "the answer of \(path) is incomplete"))
      }
      isEnded = true
      metrics.handled(.ok)
      answer.ended(trailers, nil)
      opened.give(.success(()))
      queue.finish(.success(()))
      close()
    case .watch(_, let tell):
      isEnded = true
      tell(.ended(RPCError(.unavailable, "the server watches no more")))
    }
  }

  /// What a sender hears who comes too late.
  var lateness: RPCError { failure ?? RPCError(.cancelled, "the call has ended") }

  private func close() {
    outbox = Outbox(limit: 0)
    tellWriters(.failure(lateness))
  }

  /// Tells all who wait for room that there is some, or will be none.
  func tellWriters(_ result: Result<Void, any Error>) {
    let waiting = writers
    writers = []
    for room in waiting { room.give(result) }
  }

  /// The head of the request; the deadline goes along as what is left of it.
  func append(to block: inout FieldBlock) {
    if deadline != .distantFuture {
      block.append("grpc-timeout", WireTimeout.text(deadline.remaining))
    }
    if compression != .identity { block.append("grpc-encoding", compression.rawValue) }
    if failures > 0 { block.append("grpc-previous-rpc-attempts", "\(failures)") }
    WireFields.append(metadata, to: &block)
  }
}

/// What a call with streams has sent, held for another attempt up to a bound.
struct Outbox {
  struct Message {
    var bytes: [UInt8]
    var isPacked: Bool
  }

  private let limit: Int
  private(set) var messages: [Message] = []
  private(set) var bytes = 0
  /// True until something that was sent is not held any more.
  private(set) var isWhole: Bool
  /// True once the caller sends no more.
  var isFinished = false

  init(limit: Int = 0) {
    self.limit = limit
    isWhole = limit > 0
  }

  /// - Parameter isSent: true when the message is on its way, and need only be held for a retry.
  mutating func append(_ message: Message, isSent: Bool) {
    guard isWhole || !isSent else { return }
    messages.append(message)
    bytes += message.bytes.count &+ MessageQueue.messageCost
    if bytes > limit { commit(isSent: isSent) }
  }

  /// From now on the call cannot begin again.
  mutating func commit(isSent: Bool) {
    isWhole = false
    if isSent { sent() }
  }

  /// All that is held is on its way.
  mutating func sent() {
    guard !isWhole else { return }
    messages = []
    bytes = 0
  }
}
