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
  let executor: LoopExecutor
  let session: Session
  var connection: Connection?
  /// Knows the peer's certificate once the handshake is done.
  var tls: NIOSSLServerHandler?
  var peer: Peer
  /// By the index of the stream's handle. Not checked for exclusivity: each access is one look-up
  /// or one assignment, on one thread.
  @exclusivity(unchecked) var calls: [ServerCall?] = []
  /// Handlers that have not ended, whether anybody still waits for them or not.
  var running = 0
  var openedAt: Int64 = 0
  var lastCallAt: Int64 = 0
  var sawSettings = false
  var isHandshaking: Bool
  var sweep: Scheduled<Void>?
  var sweepAt = Int64.max
  let security: TLSSettings?
  let onClose: @Sendable (ServerConnection) -> Void

  init(
    core: ServerCore, executor: LoopExecutor, address: String, tls: TLSSettings?,
    onClose: @escaping @Sendable (ServerConnection) -> Void
  ) throws(SessionError) {
    self.core = core
    self.executor = executor
    security = tls
    self.onClose = onClose
    peer = Peer(serviceName: nil, address: address)
    isHandshaking = tls != nil
    session = try Session(core.sessionSettings)
  }

  var loop: any EventLoop { executor.loop }

  func call(_ stream: StreamHandle) -> ServerCall? {
    guard stream.index < calls.count, let call = calls[stream.index], call.stream == stream else {
      return nil
    }
    return call
  }

  // MARK: What the session tells

  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
    // Trailers of a request carry nothing that gRPC knows; their end ends the request.
    if let call = call(stream) {
      if end { requestEnded(call, UnsafeRawBufferPointer(start: nil, count: 0)) }
      return
    }
    let head = RequestHead(fields, router: core.router)
    if let refusal = head.refusal {
      session.respond(stream, trailersOnly: FieldBlock([(":status", "\(refusal.rawValue)")]))
      return connectionNeedsFlush()
    }
    if let problem = head.problem { return refuse(stream, problem) }
    guard let route = head.route else {
      return refuse(stream, RPCError(.unimplemented, "no method was named"))
    }
    let hasRoom =
      running < Int(core.settings.streamsMax)
      && session.outboundBytes < core.settings.outboundBytesMax
    guard hasRoom, core.admit(route: route) else {
      return refuse(stream, RPCError(.resourceExhausted, reason: "OVERLOADED", "server is full"))
    }
    running += 1
    accept(stream, head, route: route, end: end)
  }

  private func accept(_ stream: StreamHandle, _ head: RequestHead, route: Int, end: Bool) {
    let handler = core.router.handlers[route]
    var isStream = false
    if case .stream = handler.kind { isStream = true }
    let now = connection?.lastReadAt ?? 0
    let deadline = core.deadline(
      head.timeout, from: now, streaming: isStream && !core.isBuiltIn(route))
    let context = CallContext(
      method: handler.method, metadata: head.metadata, deadline: deadline, peer: peer)
    while calls.count <= stream.index { calls.append(nil) }
    let call = ServerCall(
      stream: stream, route: route, context: context, head: head,
      requestBytesMax: core.settings.requestBytesMax, now: now)
    calls[stream.index] = call
    lastCallAt = now
    look(at: deadline.nanoseconds)
    look(at: now &+ core.bodyIdleNanoseconds)
    if case .stream(let body) = handler.kind { startStream(call, body) }
    if end { requestEnded(call, UnsafeRawBufferPointer(start: nil, count: 0)) }
  }

  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    guard let call = call(stream), call.phase != .answered else {
      // Nobody wants it; the peer may find out at its own pace.
      return session.consume(stream, bytes.count)
    }
    if call.queue != nil { return streamDataArrived(call, bytes, end: end) }
    if end { return requestEnded(call, bytes) }
    session.consume(stream, bytes.count)
    _ = assemble(call, bytes)
  }

  /// Takes part of a unary request. Returns false when the call was refused for it.
  private func assemble(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) -> Bool {
    call.lastByteAt = connection?.lastReadAt ?? 0
    do throws(RPCError) {
      var messages: [ReceivedMessage] = []
      try call.assembler.add(bytes) {
        messages.append(ReceivedMessage(Array($0), wasCompressed: $1))
      }
      for message in messages {
        if call.message != nil { throw RPCError(.internalError, "more than one request") }
        call.message = message
      }
      return true
    } catch {
      end(call, error)
      return false
    }
  }

  /// The request is complete with these last bytes.
  private func requestEnded(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) {
    guard call.phase == .receiving else { return }
    if call.queue != nil { return streamDataArrived(call, bytes, end: true) }
    if call.message == nil, !call.assembler.isInsideMessage, bytes.count >= 5 {
      if let message = wholeMessage(bytes) { return start(call, message) }
    }
    guard assemble(call, bytes) else { return }
    guard let message = call.message, !call.assembler.isInsideMessage else {
      return end(call, RPCError(.internalError, "the request ended within a message"))
    }
    if message.wasCompressed { call.context.noteCompressedRequest() }
    message.bytes.withUnsafeBytes { start(call, $0) }
  }

  /// The one message these bytes are, if they are one: the usual case, answered without a copy.
  private func wholeMessage(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    let length = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
    guard bytes[0] == 0, Int(length) == bytes.count - 5,
      Int(length) <= core.settings.requestBytesMax
    else { return nil }
    return UnsafeRawBufferPointer(rebasing: bytes.dropFirst(5))
  }

  // MARK: Unary calls

  private func start(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) {
    guard case .unary(let unary) = core.router.handlers[call.route].kind else { return }
    let context = call.context
    let stream = call.stream
    let body: @Sendable (CallContext) async throws -> [UInt8]
    do throws(RPCError) {
      body = try unary(bytes, core.interceptors(route: call.route))
    } catch {
      return end(call, error)
    }
    call.phase = .running
    call.message = nil
    let task = Task.immediate(executorPreference: executor) {
      do {
        self.finished(stream, try await body(context), context)
      } catch {
        self.failed(stream, error, context)
      }
    }
    // It may have ended already.
    if call.phase == .running { call.task = task }
  }

  /// The handler of a unary call answered.
  private func finished(_ stream: StreamHandle, _ message: [UInt8], _ context: CallContext) {
    guard loop.inEventLoop else {
      return loop.execute { self.finished(stream, message, context) }
    }
    release()
    guard let call = call(stream), call.phase == .running else { return }
    guard message.count <= core.settings.responseBytesMax else {
      core.logger.error(
        "answer is too large",
        metadata: ["method": "\(context.method.path)", "bytes": "\(message.count)"])
      return close(call, RPCError(.resourceExhausted, "the answer is too large"))
    }
    let said = call.context.said
    let head = answerHead(call, said)
    do throws(RPCError) {
      try append(call, message, compressed: true)
    } catch {
      return close(call, error)
    }
    call.phase = .answered
    call.task = nil
    session.finish(stream, trailers: trailers(said.trailers, nil))
    session.respond(stream, headers: head)
    connectionNeedsFlush()
  }

  /// The handler of a unary call threw.
  private func failed(_ stream: StreamHandle, _ error: any Error, _ context: CallContext) {
    guard loop.inEventLoop else {
      return loop.execute { self.failed(stream, error, context) }
    }
    release()
    guard let call = call(stream), call.phase == .running else { return }
    close(call, core.explain(error, context.method))
  }

  /// Gives back the places that the call held, here and in the server.
  func release() {
    running -= 1
    core.release()
  }

  /// What goes before an answer; settles how its messages are packed.
  func answerHead(_ call: ServerCall, _ said: CallContext.Said) -> FieldBlock {
    if call.acceptsGzip { call.compression = said.compression }
    return core.fields.head(call.compression, said.headers)
  }

  /// Adds a message to the answer, packed as the call has it.
  func append(_ call: ServerCall, _ message: [UInt8], compressed: Bool) throws(RPCError) {
    let packs = compressed && call.compression != .identity
    let bytes = packs ? try call.compression.pack(message) : message
    session.append(
      call.stream, head: MessageAssembler.head(of: bytes, compressed: packs), headCount: 5, bytes)
  }

  private func trailers(_ set: Metadata, _ error: RPCError?) -> FieldBlock {
    if error == nil, set.isEmpty { return core.fields.ok }
    var block = FieldBlock()
    WireFields.status(error, trailers: set, into: &block)
    return block
  }

  // MARK: Ends

  /// Answers a request that no handler will see and that holds no place.
  private func refuse(_ stream: StreamHandle, _ error: RPCError) {
    session.respond(stream, trailersOnly: WireFields.trailersOnly(error, trailers: Metadata()))
    connectionNeedsFlush()
  }

  /// Ends a call whose handler has not started, or will be told to stop.
  func end(_ call: ServerCall, _ error: RPCError) {
    if call.phase == .receiving, call.queue == nil { release() }
    let task = call.task
    close(call, error)
    task?.cancel()
  }

  /// Sends how a call ended.
  func close(_ call: ServerCall, _ error: RPCError?) {
    guard call.phase != .answered else { return }
    let stream = call.stream
    call.phase = .answered
    call.task = nil
    let said = call.context.said
    if let error, !call.sentHead, said.headers.isEmpty {
      session.respond(
        stream, trailersOnly: WireFields.trailersOnly(error, trailers: said.trailers))
    } else {
      session.finish(stream, trailers: trailers(said.trailers, error))
      if !call.sentHead { session.respond(stream, headers: answerHead(call, said)) }
    }
    let end = error ?? RPCError(.cancelled, "the call has ended")
    call.queue?.finish(.failure(end), dropping: true)
    call.writer?.give(.failure(end))
    call.writer = nil
    connectionNeedsFlush()
  }

  func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool) {
    guard let call = call(stream) else { return }
    calls[stream.index] = nil
    switch call.phase {
    case .answered:
      return
    case .receiving where call.queue == nil:
      release()
    case .receiving, .running:
      // The place stays taken until the handler has really ended.
      call.task?.cancel()
      let error = RPCError(.cancelled, "the caller gave up")
      call.queue?.finish(.failure(error), dropping: true)
      call.writer?.give(.failure(error))
    }
  }

  func connectionNeedsFlush() {
    connection?.flushSoon()
  }
}
