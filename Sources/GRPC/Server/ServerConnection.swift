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
  /// By the index of the stream's handle.
  var calls: [ServerCall?] = []
  /// Handlers that have not ended, whether anybody still waits for them or not.
  var running = 0
  var openedAt: Int64 = 0
  var lastCallAt: Int64 = 0
  var sawSettings = false
  var isHandshaking: Bool
  var sweep: Scheduled<Void>?
  var sweepAt = Int64.max
  let trustDomain: String?
  let onClose: @Sendable (ServerConnection) -> Void

  init(
    core: ServerCore, executor: LoopExecutor, address: String, trustDomain: String?,
    onClose: @escaping @Sendable (ServerConnection) -> Void
  ) throws(SessionError) {
    self.core = core
    self.executor = executor
    self.trustDomain = trustDomain
    self.onClose = onClose
    peer = Peer(serviceName: nil, address: address)
    isHandshaking = trustDomain != nil
    session = try Session(core.sessionSettings)
  }

  var loop: any EventLoop { executor.loop }

  func call(_ stream: StreamHandle) -> ServerCall? {
    guard stream.index < calls.count, let call = calls[stream.index], call.stream == stream else {
      return nil
    }
    return call
  }

  /// Changes a call in place; nothing happens when it is gone.
  func change(_ stream: StreamHandle, _ body: (inout ServerCall) -> Void) {
    guard stream.index < calls.count, calls[stream.index]?.stream == stream else { return }
    if var call = calls[stream.index] {
      calls[stream.index] = nil
      body(&call)
      calls[stream.index] = call
    }
  }

  // MARK: What the session tells

  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
    // Trailers of a request carry nothing that gRPC knows; their end ends the request.
    if call(stream) != nil {
      if end { requestEnded(stream, UnsafeRawBufferPointer(start: nil, count: 0)) }
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
    guard running < Int(core.settings.streamsMax), core.admit(route: route) else {
      return refuse(stream, RPCError(.resourceExhausted, reason: "OVERLOADED", "server is full"))
    }
    running += 1
    accept(stream, head, route: route, end: end)
  }

  private func accept(_ stream: StreamHandle, _ head: RequestHead, route: Int, end: Bool) {
    let handler = core.router.handlers[route]
    var isStream = false
    if case .stream = handler.kind { isStream = true }
    let deadline = core.deadline(head.timeout, streaming: isStream)
    let context = CallContext(
      method: handler.method, metadata: head.metadata, deadline: deadline, peer: peer)
    let now = connection?.lastReadAt ?? 0
    while calls.count <= stream.index { calls.append(nil) }
    calls[stream.index] = ServerCall(
      stream: stream, route: route, context: context,
      assembler: MessageAssembler(limit: core.settings.requestBytesMax), lastByteAt: now)
    lastCallAt = now
    look(at: deadline.nanoseconds)
    look(at: now &+ core.settings.bodyIdleTimeout.clampedNanoseconds)
    if case .stream(let body) = handler.kind { startStream(stream, context, route: route, body) }
    if end { requestEnded(stream, UnsafeRawBufferPointer(start: nil, count: 0)) }
  }

  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    guard let call = call(stream), call.phase != .answered else {
      // Nobody wants it; the peer may find out at its own pace.
      return session.consume(stream, bytes.count)
    }
    if call.queue != nil { return streamDataArrived(stream, bytes, end: end) }
    if end { return requestEnded(stream, bytes) }
    session.consume(stream, bytes.count)
    _ = assemble(stream, bytes)
  }

  /// Takes part of a unary request. Returns false when the call was refused for it.
  private func assemble(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer) -> Bool {
    var problem: RPCError?
    let now = connection?.lastReadAt ?? 0
    change(stream) { call in
      call.lastByteAt = now
      do throws(RPCError) {
        var messages: [[UInt8]] = []
        try call.assembler.add(bytes) { messages.append(Array($0)) }
        for message in messages {
          if call.message != nil { throw RPCError(.internalError, "more than one request") }
          call.message = message
        }
      } catch {
        problem = error
      }
    }
    if let problem { end(stream, problem) }
    return problem == nil
  }

  /// The request is complete with these last bytes.
  private func requestEnded(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer) {
    guard let call = call(stream), call.phase == .receiving else { return }
    if call.queue != nil { return streamDataArrived(stream, bytes, end: true) }
    if call.message == nil, !call.assembler.isInsideMessage, bytes.count >= 5 {
      if let message = wholeMessage(bytes) { return start(stream, message) }
    }
    guard assemble(stream, bytes), let call = self.call(stream) else { return }
    guard let message = call.message, !call.assembler.isInsideMessage else {
      return end(stream, RPCError(.internalError, "the request ended within a message"))
    }
    message.withUnsafeBytes { start(stream, $0) }
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

  private func start(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer) {
    guard let call = call(stream), case .unary(let unary) = core.router.handlers[call.route].kind
    else { return }
    let context = call.context
    let body: @Sendable (CallContext) async throws -> [UInt8]
    do throws(RPCError) {
      body = try unary(bytes, core.interceptors(route: call.route))
    } catch {
      return end(stream, error)
    }
    calls[stream.index]?.phase = .running
    calls[stream.index]?.message = nil
    let task = Task.immediate(executorPreference: executor) {
      do {
        self.finished(stream, .success(try await body(context)), context.method)
      } catch {
        self.finished(stream, .failure(error), context.method)
      }
    }
    // It may have ended already, and the stream's place may be taken anew.
    if self.call(stream)?.phase == .running { calls[stream.index]?.task = task }
  }

  /// The handler of a unary call ended.
  private func finished(
    _ stream: StreamHandle, _ result: Result<[UInt8], any Error>, _ method: MethodDescriptor
  ) {
    guard loop.inEventLoop else {
      return loop.execute { self.finished(stream, result, method) }
    }
    release()
    guard let call = call(stream), call.phase == .running else { return }
    switch result {
    case .failure(let error):
      close(stream, core.explain(error, method))
    case .success(let message) where message.count > core.settings.responseBytesMax:
      core.logger.error(
        "answer is too large",
        metadata: ["method": "\(method.path)", "bytes": "\(message.count)"])
      close(stream, RPCError(.resourceExhausted, "the answer is too large"))
    case .success(let message):
      calls[stream.index]?.phase = .answered
      calls[stream.index]?.task = nil
      session.append(stream, head: MessageAssembler.head(of: message), headCount: 5, message)
      session.finish(stream, trailers: trailers(of: call, nil))
      session.respond(stream, headers: core.fields.head)
      connectionNeedsFlush()
    }
  }

  /// Gives back the places that the call held, here and in the server.
  func release() {
    running -= 1
    core.release()
  }

  func trailers(of call: ServerCall, _ error: RPCError?) -> FieldBlock {
    let set = call.context.trailers
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
  func end(_ stream: StreamHandle, _ error: RPCError) {
    guard let call = call(stream) else { return }
    if call.phase == .receiving, call.queue == nil { release() }
    close(stream, error)
    call.task?.cancel()
  }

  /// Sends how a call ended.
  func close(_ stream: StreamHandle, _ error: RPCError?) {
    guard let call = call(stream), call.phase != .answered else { return }
    calls[stream.index]?.phase = .answered
    calls[stream.index]?.task = nil
    if call.sentHead {
      session.finish(stream, trailers: trailers(of: call, error))
    } else if let error {
      session.respond(
        stream, trailersOnly: WireFields.trailersOnly(error, trailers: call.context.trailers))
    } else {
      session.finish(stream, trailers: trailers(of: call, nil))
      session.respond(stream, headers: core.fields.head)
    }
    call.queue?.finish(.failure(error ?? RPCError(.cancelled, "the call has ended")))
    call.writer?.give(.failure(error ?? RPCError(.cancelled, "the call has ended")))
    calls[stream.index]?.writer = nil
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
      call.queue?.finish(.failure(error))
      call.writer?.give(.failure(error))
    }
  }

  func connectionNeedsFlush() {
    connection?.flushSoon()
  }
}
