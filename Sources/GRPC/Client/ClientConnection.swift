import HTTP2
import NIOCore
import NIOSSL
import NIOTLS

/// The calls on one connection of a channel.
///
/// Safety: every property is touched on the channel's event loop only.
final class ClientConnection: ConnectionDelegate, @unchecked Sendable {
  let session: Session
  let settings: ChannelSettings
  /// Which of the channel's servers this leads to.
  let server: Int
  let expected: ExpectedPeer?
  /// Both refer to each other until the connection is lost.
  let owner: ChannelCore
  var connection: Connection?
  var tls: NIOSSLClientHandler?
  /// By the index of the stream's handle. Not checked for exclusivity: each access is one look-up
  /// or one assignment, on one thread.
  @exclusivity(unchecked) private var calls: [ClientCall?] = []
  private(set) var openCalls = 0
  /// The watch over the server's health, one of the open calls.
  var watch: ClientCall?
  var isHealthKnown = false
  /// True from the server's first SETTINGS to its GOAWAY.
  private(set) var takesCalls = false
  /// True once a call of the user's was answered.
  private(set) var hasAnswered = false
  /// True once it will never take calls again.
  private(set) var isRefused = false
  private var pingedAt: Int64?
  private let heads: RequestHeads

  init(
    _ owner: ChannelCore, server: Int, authority: String, settings: ChannelSettings,
    expected: ExpectedPeer?
  ) throws(SessionError) {
    self.owner = owner
    self.server = server
    self.settings = settings
    self.expected = expected
    heads = RequestHeads(authority: authority, scheme: expected == nil ? "http" : "https")
    var session = SessionSettings(role: .client)
    session.headerListBytesMax = settings.headerListBytesMax
    session.headerFieldsMax = settings.headerFieldsMax
    session.headerFieldBytesMax = settings.headerFieldBytesMax
    session.continuationsMax = settings.continuationsMax
    session.outboundFramesMax = settings.outboundFramesMax
    session.streamWindow = settings.streamWindow
    session.connectionWindow = settings.connectionWindow
    self.session = try Session(session)
  }

  /// True when another call may be opened.
  var hasRoom: Bool {
    takesCalls && connection?.isLost == false
      && openCalls < min(session.peerStreamsMax, settings.streamsMax)
  }

  /// Calls of the channel's user.
  var usersCalls: Int { watch == nil ? openCalls : openCalls - 1 }

  private func call(_ stream: StreamHandle) -> ClientCall? {
    guard stream.index < calls.count, let call = calls[stream.index], call.stream == stream else {
      return nil
    }
    return call
  }

  // MARK: Commands

  /// Opens a stream for the call. False when this connection can open no more streams.
  func start(_ call: ClientCall) -> Bool {
    let head = heads.block(for: call)
    guard head.listBytes <= settings.headerListBytesSentMax else {
      owner.metrics.reached(.headerListBytesSent)
      call.fail(RPCError(.resourceExhausted, "the metadata of the call is too large"))
      return true
    }
    let stream: StreamHandle
    do {
      stream = try session.request(headers: head)
    } catch {
      return false
    }
    while calls.count <= stream.index { calls.append(nil) }
    calls[stream.index] = call
    call.stream = stream
    call.connection = self
    openCalls += 1
    switch call.kind {
    case .unary(let request, _):
      append(stream, request, isPacked: call.compression != .identity)
      session.finish(stream)
    case .stream(let opened, _, _):
      for message in call.outbox.messages {
        append(stream, message.bytes, isPacked: message.isPacked)
      }
      call.outbox.sent()
      if call.outbox.isFinished { session.finish(stream) }
      opened.give(.success(()))
      if !call.writers.isEmpty { tellWritersOfRoom(call, stream) }
    case .watch(let request, _):
      append(stream, request, isPacked: false)
      session.finish(stream)
    }
    connection?.flushSoon()
    return true
  }

  private func append(_ stream: StreamHandle, _ message: [UInt8], isPacked: Bool) {
    session.append(
      stream, head: MessageAssembler.head(of: message, compressed: isPacked), headCount: 5, message)
  }

  /// Gives a call up and tells the server.
  func abandon(_ call: ClientCall, _ error: RPCError) {
    call.fail(error)
    guard let stream = call.stream, self.call(stream) === call else { return }
    session.reset(stream, .cancel)
    connection?.flushSoon()
  }

  /// Parts a call from its stream, which is over for it: what still comes of it means nothing.
  func detach(_ call: ClientCall) {
    guard let stream = call.stream, self.call(stream) === call else { return }
    calls[stream.index] = nil
    call.stream = nil
    call.connection = nil
    openCalls -= 1
    session.reset(stream, .cancel)
    connection?.flushSoon()
  }

  /// Sends a message of a call that is on a stream.
  func send(_ call: ClientCall, _ message: Outbox.Message, _ room: OneShot<Void>) {
    guard let stream = call.stream else { return }
    append(stream, message.bytes, isPacked: message.isPacked)
    if hasRoom(stream) {
      room.give(.success(()))
    } else {
      call.writers.append(room)
      session.tellWhenDrained(stream)
    }
    connection?.flushSoon()
  }

  private func hasRoom(_ stream: StreamHandle) -> Bool {
    session.pendingBytes(stream) <= ChannelCore.waitingBytesMax
  }

  private func tellWritersOfRoom(_ call: ClientCall, _ stream: StreamHandle) {
    if hasRoom(stream) {
      call.tellWriters(.success(()))
    } else {
      session.tellWhenDrained(stream)
    }
  }

  func endSending(_ call: ClientCall) {
    guard let stream = call.stream else { return }
    session.finish(stream)
    connection?.flushSoon()
  }

  func taken(_ call: ClientCall, _ count: Int) {
    call.untakenBytes -= min(count, call.untakenBytes)
    giveRoom(call)
  }

  /// As on the server's side: see `ServerConnection.giveRoom`.
  private func giveRoom(_ call: ClientCall) {
    guard call.withheldBytes > 0, let stream = call.stream,
      call.untakenBytes <= Int(settings.streamWindow) / 2
    else { return }
    session.consume(stream, call.withheldBytes)
    call.withheldBytes = 0
    connection?.flushSoon()
  }

  /// Takes no new calls and closes once those open are finished.
  func drain() {
    takesCalls = false
    isRefused = true
    stopWatching()
    guard usersCalls > 0 else { connection?.close("the connection is not needed"); return }
    session.stopAccepting()
    connection?.flushSoon()
  }

  // MARK: Time

  /// Ends what is overdue. Returns the next moment that matters.
  func sweep(_ now: Int64) -> Int64 {
    var next = Int64.max
    for call in calls.lazy.compactMap({ $0 }) where !call.isEnded {
      if call.deadline.nanoseconds <= now {
        abandon(call, RPCError(.deadlineExceeded, "no answer of \(call.path) in time"))
      } else {
        next = min(next, call.deadline.nanoseconds)
      }
    }
    return min(next, keepAlive(now))
  }

  /// Makes sure that a server with calls of ours open is still there.
  private func keepAlive(_ now: Int64) -> Int64 {
    guard openCalls > 0, let connection else { return .max }
    let quietUntil = connection.lastReadAt &+ owner.keepaliveAfter.clampedNanoseconds
    if quietUntil > now {
      pingedAt = nil
      return quietUntil
    }
    let pinged = pingedAt ?? now
    if pingedAt == nil {
      pingedAt = now
      session.ping()
      connection.flushSoon()
    }
    let patience = pinged &+ settings.keepaliveTimeout.clampedNanoseconds
    if patience <= now {
      owner.metrics.reached(.keepaliveTime)
      connection.close("the server does not answer")
      return .max
    }
    return patience
  }

  // MARK: What the session tells

  func connectionOpened() {}

  func connectionStalled() {}

  func connectionEvent(_ event: Any) {
    guard let expected, case TLSUserEvent.handshakeCompleted(let agreed)? = event as? TLSUserEvent
    else { return }
    guard let problem = expected.problem(agreed, tls?.peerCertificate) else { return }
    isRefused = true
    connection?.close(problem)
  }

  func settingsArrived() {
    if isRefused { return }
    guard !takesCalls else { return owner.roomOpened(self) }
    takesCalls = true
    owner.becameReady(self)
  }

  func boundReached(_ bound: SessionBound) { owner.metrics.reached(bound) }

  func goAwayArrived(_ code: ErrorCode, told: String) {
    takesCalls = false
    isRefused = true
    stopWatching()
    if code == .enhanceYourCalm, told == Self.tooManyPings { owner.pingLess() }
    owner.isLeaving(self)
  }

  /// How a server explains that it wants fewer pings; it may want fewer of other things.
  private static let tooManyPings = "too_many_pings"

  func pongArrived(_ tag: UInt64) {
    pingedAt = nil
  }

  func connectionClosed(_ reason: String?) {
    connection = nil
    tls = nil
    takesCalls = false
    owner.lost(self, reason)
  }

  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
    guard let call = call(stream), !call.isEnded else { return }
    let received = ResponseFields(fields)
    if call.isUsers { hasAnswered = true }
    if end { return answerEnded(call, stream, received) }
    // Trailers that end nothing say nothing.
    guard call.headers == nil else { return }
    // Interim answers carry nothing; whatever else is no gRPC says so by its status.
    if let status = received.httpStatus, status < 200 { return }
    guard received.isGRPC, received.httpStatus == 200 else {
      call.httpStatus = received.httpStatus ?? 0
      return abandon(
        call, RPCError(ResponseFields.code(ofHTTP: call.httpStatus), "the peer speaks no gRPC"))
    }
    switch received.encoding {
    case .known(let encoding):
      call.answerBegan(received, encoding: encoding)
    case .unknown(let name):
      abandon(call, RPCError(.internalError, "the answer is encoded as \(name), unasked"))
    }
  }

  private func answerEnded(
    _ call: ClientCall, _ stream: StreamHandle, _ received: ResponseFields
  ) {
    if let error = received.error(httpStatus: call.httpStatus, isWhole: call.headers == nil) {
      owner.attemptFailed(call, error, received.pushback, trailers: received.metadata)
    } else {
      if call.retries != nil { owner.succeeded() }
      call.succeed(received.metadata)
    }
    endEarly(stream)
  }

  /// The server has ended the call before we did: nobody waits for the rest.
  private func endEarly(_ stream: StreamHandle) {
    guard session.isOpen(stream), call(stream) != nil else { return }
    session.reset(stream, .noError)
    connection?.flushSoon()
  }

  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    guard let call = call(stream), !call.isEnded else {
      return session.consume(stream, bytes.count)
    }
    guard call.headers != nil || bytes.isEmpty else {
      return abandon(call, RPCError(.internalError, "the answer has no headers"))
    }
    switch call.kind {
    case .unary, .watch:
      session.consume(stream, bytes.count)
    case .stream:
      call.withheldBytes += bytes.count
    }
    do throws(RPCError) {
      var tooMany = false
      var whole: [(bytes: [UInt8], isPacked: Bool)] = []
      try call.assembler.add(bytes) { message, isPacked in
        if case .stream(_, let queue, _) = call.kind {
          call.untakenBytes += message.count &+ MessageQueue.messageCost
          queue.push(received: Array(message), isPacked: isPacked)
        } else if call.isUsers, call.message != nil || !whole.isEmpty {
          tooMany = true
        } else {
          whole.append((Array(message), isPacked))
        }
      }
      if tooMany { throw RPCError(.unimplemented, "more than one answer") }
      for (bytes, isPacked) in whole {
        let message = try Gzip.message(bytes, isPacked: isPacked, limit: call.responseBytesMax)
        if case .watch(_, let tell) = call.kind {
          tell(.message(message.bytes))
        } else {
          call.message = message
        }
      }
    } catch {
      if error.code == .resourceExhausted { owner.metrics.reached(.responseBytes) }
      return abandon(call, error)
    }
    giveRoom(call)
    if end {
      call.fail(RPCError(.internalError, "the answer has no status"))
      endEarly(stream)
    }
  }

  func streamDrained(_ stream: StreamHandle) {
    guard let call = call(stream) else { return }
    tellWritersOfRoom(call, stream)
  }

  func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool) {
    guard let call = call(stream) else { return owner.roomOpened(self) }
    calls[stream.index] = nil
    call.stream = nil
    call.connection = nil
    openCalls -= 1
    if watch === call { watch = nil }
    if !call.isEnded {
      if unprocessed, call.canBeginAgain {
        owner.again(call, wasRefused: code == .refusedStream)
      } else {
        owner.attemptFailed(call, Self.error(code), nil, trailers: Metadata())
      }
    }
    owner.roomOpened(self)
  }

  private static func error(_ code: ErrorCode) -> RPCError {
    switch code {
    case .connectionLost: RPCError(.unavailable, "the connection was lost")
    case .refusedStream: RPCError(.unavailable, "the server refused the call")
    case .cancel: RPCError(.cancelled, "the server gave the call up")
    case .enhanceYourCalm: RPCError(.resourceExhausted, "the server wants fewer calls")
    case .inadequateSecurity: RPCError(.permissionDenied, "the server wants better encryption")
    default: RPCError(.internalError, "the call was reset with HTTP/2 error \(code.rawValue)")
    }
  }
}

extension ErrorCode {
  /// The encryption of the connection is too weak for the peer.
  static let inadequateSecurity = ErrorCode(rawValue: 0xc)
}
