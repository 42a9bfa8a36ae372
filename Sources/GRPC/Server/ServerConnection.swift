import HTTP2
import Logging
import NIOCore
import NIOSSL

/// The calls of one connection: made of what its session tells, answered through it.
///
/// Safety: every property is touched on the connection's event loop only. Handlers run there too;
/// a result that arrives from elsewhere is brought there first.
final class ServerConnection: ConnectionDelegate, @unchecked Sendable {
  let core: ServerCore
  let home: ServerLoop
  let executor: LoopExecutor
  let session: Session
  var connection: Connection?
  /// Knows the peer's certificate once the handshake is done.
  var tls: NIOSSLServerHandler?
  var peer: Peer
  /// By the index of the stream's handle. Not checked for exclusivity: each access is one look-up
  /// or one assignment, on one thread.
  @exclusivity(unchecked) var calls: [ServerCall?] = []
  /// Requests that are no gRPC calls, and when each came.
  @exclusivity(unchecked) var strangers: [StreamHandle: Int64] = [:]
  /// Handlers that have not ended, whether anybody still waits for them or not.
  var running = 0
  /// Bytes of its calls among those that their event loop counts.
  var heldBytes = 0
  var openedAt: Int64 = 0
  var lastCallAt: Int64 = 0
  var sawSettings = false
  var isHandshaking: Bool
  var sweep: Scheduled<Void>?
  var sweepAt = Int64.max
  /// When a ping went out that has not been answered; nil without.
  var pingedAt: Int64?
  /// When the connection has lived long enough; `.max` for ever.
  var retiresAt = Int64.max
  var drain = Drain.none
  /// How many bytes of bodies the peer had taken when somebody looked, and since when no more.
  var taken = (bytes: 0, at: Int64(0))
  /// Calls that wait until the peer takes some of what waits for it.
  var parked: [StreamHandle] = []
  let security: TLSSettings?
  let onClose: @Sendable (ServerConnection) -> Void

  init(
    core: ServerCore, home: ServerLoop, address: String, tls: TLSSettings?,
    onClose: @escaping @Sendable (ServerConnection) -> Void
  ) throws(SessionError) {
    self.core = core
    self.home = home
    executor = home.executor
    security = tls
    self.onClose = onClose
    peer = Peer(serviceName: nil, address: address)
    isHandshaking = tls != nil
    session = try Session(core.sessionSettings(namesPeers: tls?.authorityPath != nil))
  }

  var loop: any EventLoop { home.loop }

  func call(_ stream: StreamHandle) -> ServerCall? {
    guard stream.index < calls.count, let call = calls[stream.index], call.stream == stream else {
      return nil
    }
    return call
  }

  func connectionNeedsFlush() {
    connection?.flushSoon()
  }

  // MARK: What the session tells

  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
    let head = RequestHead(fields, router: core.router)
    if let refusal = head.refusal {
      return turnAway(stream, refusal, isHead: head.isHead, end: end)
    }
    if let problem = head.problem { return refuse(stream, head.route, problem) }
    guard let route = head.route else {
      return refuse(stream, nil, RPCError(.unimplemented, "no method was named"))
    }
    guard hasRoom(route) else { return refuseForLoad(stream, route) }
    accept(stream, head, route: route, end: end)
  }

  private func hasRoom(_ route: Int) -> Bool {
    if core.isAlwaysAdmitted(route) { return hasRoomForBuiltIn(route) }
    let readAt = connection?.lastReadAt ?? 0
    home.noteRead(at: readAt)
    let before = connection?.previousReadAt ?? 0
    if let bound = home.refusal(route, readAt: readAt, before: before) {
      core.bounds.add(bound)
      return false
    }
    if running >= Int(core.settings.streamsMax) {
      core.bounds.add(.handlersPerConnection)
      return false
    }
    if isStuffed(readAt) {
      core.bounds.add(.outboundBytes)
      return false
    }
    return true
  }

  /// Streams of health and of reflection hold no place among the others', so they have few.
  private func hasRoomForBuiltIn(_ route: Int) -> Bool {
    guard core.router.isStream[route] else { return true }
    let streams = calls.count { $0?.route == route && $0?.phase != .answered }
    guard streams >= core.settings.watchesPerConnectionMax else { return true }
    core.bounds.add(.watches)
    return false
  }

  private func accept(
    _ stream: StreamHandle, _ head: borrowing RequestHead, route: Int, end: Bool
  ) {
    let isStream = core.router.isStream[route]
    let now = connection?.lastReadAt ?? 0
    let deadline = core.deadline(
      head.timeout, from: now, streaming: isStream, endless: route == core.watchRoute)
    let context = CallContext(
      method: core.router.handlers[route].method, metadata: head.metadata, deadline: deadline,
      peer: peer)
    while calls.count <= stream.index { calls.append(nil) }
    let call = ServerCall(
      of: self, stream: stream, route: route, context: context,
      assembler: MessageAssembler(limit: core.requestBytesMax(route), encoding: head.encoding),
      acceptsGzip: head.acceptsGzip, now: now)
    calls[stream.index] = call
    home.counters.began(route)
    lastCallAt = now
    look(at: deadline.nanoseconds)
    look(at: now &+ core.leastPatience)
    if isStream {
      openStream(call)
    } else if !end, call.metadataBytes > 0 {
      _ = keep(call)
    }
    if end { requestEnded(call, UnsafeRawBufferPointer(start: nil, count: 0)) }
  }

  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    guard let call = call(stream), call.phase != .answered else {
      // Nobody wants it; the peer may find out at its own pace.
      session.consume(stream, bytes.count)
      if end { strangerEnded(stream) }
      return
    }
    if call.queue != nil { return streamDataArrived(call, bytes, end: end) }
    if end { return requestEnded(call, bytes) }
    session.consume(stream, bytes.count)
    _ = assemble(call, bytes)
  }

  func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool) {
    if !strangers.isEmpty { strangers[stream] = nil }
    guard let call = call(stream) else { return }
    calls[stream.index] = nil
    guard call.phase != .answered else { return }
    // The place stays taken until the handler has really ended.
    call.task?.cancel()
    let error = RPCError(.cancelled, "the caller gave up")
    call.queue?.finish(.failure(error), dropping: true)
    call.dismissWriters(error)
    settle(call, .cancelled, at: home.tick())
  }

  func boundReached(_ bound: SessionBound) {
    if let bound = ServerBound(rawValue: bound.rawValue) { core.bounds.add(bound) }
    if bound == .resetsReceived { noMoreCalls() }
  }

  func readEnded() {
    home.runHandlers()
  }

  // MARK: Ends

  /// Notes that a call has been answered; whatever comes later is of no use.
  func settle(_ call: ServerCall, _ code: StatusCode, at now: Int64) {
    call.phase = .answered
    // What is left of the answer is waited for from when it is looked at.
    call.unsentBytes = 0
    call.task = nil
    call.work = nil
    if let id = call.waitingID {
      call.waitingID = nil
      home.forget(id)
    }
    letGo(call)
    lastCallAt = max(lastCallAt, now)
    home.counters.ended(call.route, code, after: now &- call.beganAt)
  }

  /// Notes how many bytes the call holds. Returns false when all of them together are too many.
  func hold(_ call: ServerCall) -> Bool { hold(call, call.waitingBytes) }

  /// Notes that the call holds nothing any more.
  func letGo(_ call: ServerCall) {
    if call.heldBytes > 0 { _ = hold(call, 0) }
  }

  /// Holds what a call has sent that no handler has begun to answer. Returns false when it was
  /// refused for that.
  func keep(_ call: ServerCall) -> Bool {
    if hold(call) { return true }
    core.bounds.add(.heldBytes)
    refuse(call)
    return false
  }

  private func hold(_ call: ServerCall, _ bytes: Int) -> Bool {
    let more = bytes - call.heldBytes
    call.heldBytes = bytes
    heldBytes += more
    return home.hold(more, heldByConnection: heldBytes)
  }

  /// Answers a request that no handler will see and that holds no place.
  private func refuse(_ stream: StreamHandle, _ route: Int?, _ error: RPCError) {
    let row = route ?? home.counters.methods
    home.counters.began(row)
    home.counters.ended(row, error.code, after: 0)
    session.respond(stream, trailersOnly: core.fields.trailersOnly(error, trailers: Metadata()))
    connectionNeedsFlush()
  }

  /// Ends a call whose handler has not started, or will be told to stop.
  func end(_ call: ServerCall, _ error: RPCError) {
    let task = call.task
    close(call, error)
    task?.cancel()
  }

  /// Sends how a call ended.
  func close(_ call: ServerCall, _ error: RPCError?) {
    guard call.phase != .answered else { return }
    let stream = call.stream
    let error = hush(call) ?? error
    settle(call, error?.code ?? .ok, at: home.tick())
    let said = call.context.said
    if let error, !call.sentHead, said.headers.isEmpty {
      session.respond(
        stream, trailersOnly: core.fields.trailersOnly(error, trailers: said.trailers))
    } else {
      session.finish(stream, trailers: trailers(call, error))
      if !call.sentHead { session.respond(stream, headers: answerHead(call)) }
    }
    let end = error ?? RPCError(.cancelled, "the call has ended")
    call.queue?.finish(.failure(end), dropping: true)
    call.dismissWriters(end)
    connectionNeedsFlush()
  }

  // MARK: Answers

  /// Forgets what the handler said beside its answer when that is more than may be sent.
  ///
  /// - Returns: what the call ends with then.
  func hush(_ call: ServerCall) -> RPCError? {
    guard !call.context.isSilent else { return nil }
    let said = call.context.said
    let most = core.settings.headerListBytesSentMax
    guard max(said.headers.listBytes, said.trailers.listBytes) > most else { return nil }
    call.context.unsay()
    core.bounds.add(.headerListBytesSent)
    return RPCError(.resourceExhausted, "the metadata of the answer is too large")
  }

  /// What goes before an answer; settles how its messages are packed.
  func answerHead(_ call: ServerCall) -> FieldBlock {
    guard !call.context.isSilent else { return core.fields.head }
    let said = call.context.said
    if call.acceptsGzip { call.compression = said.compression }
    return core.fields.head(call.compression, said.headers)
  }

  /// A message of the answer as the call has it packed, and whether it is.
  func pack(
    _ call: ServerCall, _ message: [UInt8], compressed: Bool
  ) throws(RPCError) -> (bytes: [UInt8], isPacked: Bool) {
    guard message.count <= core.settings.responseBytesMax else {
      core.bounds.add(.responseBytes)
      core.logger.error(
        "answer is too large",
        metadata: ["method": "\(call.context.method.path)", "bytes": "\(message.count)"])
      throw RPCError(.resourceExhausted, "the answer is too large")
    }
    guard compressed, call.compression != .identity else { return (message, false) }
    return (try call.compression.pack(message), true)
  }

  func trailers(_ call: ServerCall, _ error: RPCError?) -> FieldBlock {
    if error == nil, call.context.isSilent { return core.fields.ok }
    var block = FieldBlock()
    core.fields.status(error, trailers: call.context.said.trailers, into: &block)
    return block
  }
}
