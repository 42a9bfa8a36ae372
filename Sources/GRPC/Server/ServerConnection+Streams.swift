import HTTP2
import NIOCore

// Calls with streams of messages. What flows is bounded both ways: the caller may send ahead no
// more than a window, the handler waits while the caller takes no more.
extension ServerConnection {
  /// With more than this waiting to be sent, the handler waits.
  private static let waitingBytesMax = 64 << 10

  /// Makes ready for what arrives, and starts the handler once it has a place.
  func openStream(_ call: ServerCall) {
    let stream = call.stream
    call.queue = MessageQueue(
      inflatedMax: core.requestBytesMax(call.route),
      onExcess: { [core] in core.bounds.add(.requestBytes) }
    ) { [weak self] count in
      guard let self else { return }
      guard loop.inEventLoop else { return loop.execute { self.taken(stream, count) } }
      taken(stream, count)
    }
    if call.route == core.watchRoute { return startStream(call) }
    switch home.enter(call, of: self) {
    case .begins: startStream(call)
    case .waits: _ = keep(call)
    case .refused: refuse(call)
    }
  }

  /// Starts the handler of a call that has been given a place.
  func startStream(_ call: ServerCall) {
    guard case .stream(let body) = core.router.handlers[call.route].kind, let queue = call.queue
    else { return }
    let stream = call.stream
    let context = call.context
    let route = call.route
    tookPlace(call)
    if call.heldBytes > 0 { _ = hold(call) }
    let requests = RequestMessages(core: core) { try await queue.next() }
    let writer = ResponseWriter { message, compressed in
      // The usual case, on the loop and with room to spare, waits for nothing.
      if self.loop.inEventLoop, try self.write(stream, message, compressed) { return }
      let room = OneShot<Void>()
      self.awaitRoom(stream, message, compressed, room)
      try await withTaskCancellationHandler {
        try await room.take()
      } onCancel: {
        if room.give(.failure(RPCError(.cancelled, "the call was cancelled"))) {
          self.loop.execute { self.call(stream)?.writers.removeAll { $0.room === room } }
        }
      }
    }
    let interceptors = core.interceptors(route: call.route)
    let task = Task.immediate(executorPreference: executor) {
      do {
        try await through(interceptors[...], stream: context) { call in
          try await body(requests, writer, call)
        }
        self.streamFinished(stream, nil, route)
      } catch {
        self.streamFinished(stream, error, route)
      }
    }
    if call.phase != .answered { call.task = task }
  }

  func streamDataArrived(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    let wasInside = call.assembler.isInsideMessage
    var isWhole = false
    call.withheldBytes += bytes.count
    do throws(RPCError) {
      try call.assembler.add(bytes) { message, wasCompressed in
        isWhole = true
        call.hasSpoken = true
        call.untakenBytes += message.count &+ MessageQueue.messageCost
        call.queue?.push(received: Array(message), isPacked: wasCompressed)
      }
    } catch {
      return refuseBytes(call, error)
    }
    // A message has its own time from its first byte on, whatever comes of it in between.
    if isWhole || !wasInside && call.assembler.isInsideMessage {
      call.lastByteAt = connection?.lastReadAt ?? 0
    }
    guard hold(call) else {
      core.bounds.add(.heldBytes)
      return self.end(call, core.tooMuchHeld)
    }
    giveRoom(call)
    if end {
      call.requestEnded = true
      call.queue?.finish(
        call.assembler.isInsideMessage
          ? .failure(RPCError(.internalError, "the request ended within a message"))
          : .success(()))
    }
    connectionNeedsFlush()
  }

  /// The handler took a message.
  private func taken(_ stream: StreamHandle, _ count: Int) {
    guard let call = call(stream) else { return }
    call.untakenBytes -= min(count, call.untakenBytes)
    if call.phase != .answered { _ = hold(call) }
    giveRoom(call)
    connectionNeedsFlush()
  }

  /// Lets the caller send on unless half a window of whole messages waits to be taken. A message
  /// that has only begun is let in whatever its size.
  private func giveRoom(_ call: ServerCall) {
    guard call.untakenBytes <= Int(core.settings.streamWindow) / 2 else { return }
    session.consume(call.stream, call.withheldBytes)
    call.withheldBytes = 0
  }

  /// Adds a message to the answer. Returns false when more waits to be sent than should, or others
  /// wait for their turn.
  private func write(
    _ stream: StreamHandle, _ message: [UInt8], _ compressed: Bool
  ) throws(RPCError) -> Bool {
    guard let call = call(stream), call.phase != .answered else {
      throw RPCError(.cancelled, "the call has ended")
    }
    guard call.writers.isEmpty, hasRoom(call) else { return false }
    try add(call, message, compressed)
    return true
  }

  /// What health has to say is little, and is said whatever else waits.
  private func hasRoom(_ call: ServerCall) -> Bool {
    session.pendingBytes(call.stream) <= Self.waitingBytesMax
      && (call.route == core.watchRoute || !isStuffed(home.clock))
  }

  private func add(_ call: ServerCall, _ message: [UInt8], _ compressed: Bool) throws(RPCError) {
    if call.context.method.clientStreaming {
      call.hasSpoken = true
      call.lastByteAt = Self.now
    }
    if !call.sentHead {
      if let error = hush(call) { throw error }
      let head = answerHead(call)
      call.sentHead = true
      session.respond(call.stream, headers: head)
    }
    let part = try pack(call, message, compressed: compressed)
    session.append(
      call.stream, head: MessageAssembler.head(of: part.bytes, compressed: part.isPacked),
      headCount: 5, part.bytes)
    connectionNeedsFlush()
  }

  /// Adds a message to the answer once there is room.
  private func awaitRoom(
    _ stream: StreamHandle, _ message: [UInt8], _ compressed: Bool, _ room: OneShot<Void>
  ) {
    guard loop.inEventLoop else {
      return loop.execute { self.awaitRoom(stream, message, compressed, room) }
    }
    guard !room.isGiven else { return }
    do throws(RPCError) {
      if try write(stream, message, compressed) {
        room.give(.success(()))
      } else {
        guard let call = call(stream) else { return }
        call.writers.append(
          ServerCall.Writer(room: room, message: message, compressed: compressed))
        // Those behind the first go on when it does.
        if call.writers.count == 1 { awaitTaking(call) }
      }
    } catch {
      room.give(.failure(error))
    }
  }

  /// The handler goes on once the peer has taken what waits on the stream, or on others.
  private func awaitTaking(_ call: ServerCall) {
    call.unsentBytes = session.pendingBytes(call.stream)
    call.unsentSince = home.tick()
    let patience = core.takingPatience(call.route)
    if patience < .max { look(at: call.unsentSince &+ patience) }
    if call.unsentBytes > Self.waitingBytesMax {
      session.tellWhenDrained(call.stream)
    } else {
      park(call)
    }
  }

  func streamDrained(_ stream: StreamHandle) {
    guard let call = call(stream), !call.writers.isEmpty else { return }
    while let writer = call.writers.first, hasRoom(call) {
      call.writers.removeFirst()
      // Its task has given up in this very turn.
      guard !writer.room.isGiven else { continue }
      do throws(RPCError) {
        try add(call, writer.message, writer.compressed)
        writer.room.give(.success(()))
      } catch {
        writer.room.give(.failure(error))
      }
    }
    if !call.writers.isEmpty { awaitTaking(call) }
  }

  private func streamFinished(_ stream: StreamHandle, _ error: (any Error)?, _ route: Int) {
    guard loop.inEventLoop else {
      return loop.execute { self.streamFinished(stream, error, route) }
    }
    if let call = call(stream) {
      close(call, error.map { core.explain($0, call.context.method) })
    }
    leavePlace(route, .stream)
  }
}
