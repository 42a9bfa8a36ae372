import HTTP2
import NIOCore

// Calls with one request and one answer.
extension ServerConnection {
  /// Takes part of a unary request. Returns false when the call was refused for it.
  func assemble(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) -> Bool {
    call.lastByteAt = connection?.lastReadAt ?? 0
    var isSecond = false
    do throws(RPCError) {
      try call.assembler.add(bytes) { message, isPacked in
        if call.message != nil { isSecond = true }
        call.message = call.message ?? ReceivedMessage(Array(message), wasCompressed: isPacked)
      }
      if isSecond { throw RPCError(.internalError, "more than one request") }
      guard hold(call, call.assembler.heldBytes &+ (call.message?.bytes.count ?? 0)) else {
        core.bounds.add(.heldBytes)
        refuse(call)
        return false
      }
      return true
    } catch {
      refuseBytes(call, error)
      return false
    }
  }

  /// Ends a call for what its messages are like.
  func refuseBytes(_ call: ServerCall, _ error: RPCError) {
    if error.code == .resourceExhausted { core.bounds.add(.requestBytes) }
    end(call, error)
  }

  /// The request is complete with these last bytes.
  func requestEnded(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) {
    guard call.phase == .receiving else { return }
    if call.queue != nil { return streamDataArrived(call, bytes, end: true) }
    if call.message == nil, !call.assembler.isInsideMessage, bytes.count >= 5 {
      if let message = wholeMessage(bytes) { return enter(call, message) }
    }
    guard assemble(call, bytes) else { return }
    guard let message = call.message, !call.assembler.isInsideMessage else {
      return end(call, RPCError(.internalError, "the request ended within a message"))
    }
    guard message.wasCompressed else { return message.bytes.withUnsafeBytes { enter(call, $0) } }
    do throws(RPCError) {
      let inflated = try Gzip.message(
        message.bytes, isPacked: true, limit: core.settings.requestBytesMax)
      call.context.noteCompressedRequest()
      inflated.bytes.withUnsafeBytes { enter(call, $0) }
    } catch {
      refuseBytes(call, error)
    }
  }

  /// The one message these bytes are, if they are one: the usual case, answered without a copy.
  private func wholeMessage(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    let length = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
    guard bytes[0] == 0, Int(length) == bytes.count - 5,
      Int(length) <= core.settings.requestBytesMax
    else { return nil }
    return UnsafeRawBufferPointer(rebasing: bytes.dropFirst(5))
  }

  /// Begins, once there is a place.
  private func enter(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) {
    guard isWanted(call) else { return }
    switch home.enter(call, of: self) {
    case .begins:
      start(call, bytes)
    case .waits:
      call.phase = .waiting
      call.message = ReceivedMessage(Array(bytes))
      if !hold(call, bytes.count) {
        core.bounds.add(.heldBytes)
        refuse(call)
      }
    case .refused:
      refuse(call)
    }
  }

  /// Starts the handler of a call that has been given a place.
  func start(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) {
    guard case .unary(let unary) = core.router.handlers[call.route].kind else { return }
    let context = call.context
    let stream = call.stream
    let route = call.route
    let begun = home.clock
    tookPlace(call)
    let body: @Sendable (CallContext) async throws -> [UInt8]
    do throws(RPCError) {
      body = try unary(bytes, core.interceptors(route: route))
    } catch {
      end(call, error)
      return leavePlace(route, .untold)
    }
    call.phase = .running
    call.message = nil
    if call.heldBytes > 0 { _ = hold(call, 0) }
    let task = Task.immediate(executorPreference: executor) {
      do {
        self.finished(stream, try await body(context), route, begun)
      } catch {
        self.failed(stream, error, route, begun)
      }
    }
    // It may have ended already.
    if call.phase == .running { call.task = task }
  }

  /// The handler of a unary call answered.
  private func finished(
    _ stream: StreamHandle, _ message: [UInt8], _ route: Int, _ begun: Int64
  ) {
    guard loop.inEventLoop else {
      return loop.execute { self.finished(stream, message, route, begun) }
    }
    let now = home.tick()
    guard let call = call(stream), call.phase == .running else {
      return leavePlace(route, .cut(now &- begun))
    }
    // Without a task yet it has never waited for anything.
    let length = call.task == nil ? ServerLoop.Length.untold : .whole(now &- begun)
    answer(call, message, at: now)
    leavePlace(route, length)
  }

  private func answer(_ call: ServerCall, _ message: [UInt8], at now: Int64) {
    let stream = call.stream
    let said = call.context.said
    let head = answerHead(call, said)
    do throws(RPCError) {
      try append(call, message, compressed: true)
    } catch {
      return close(call, error)
    }
    settle(call, .ok, at: now)
    session.finish(stream, trailers: trailers(said.trailers, nil))
    session.respond(stream, headers: head)
    connectionNeedsFlush()
  }

  /// The handler of a unary call threw.
  private func failed(
    _ stream: StreamHandle, _ error: any Error, _ route: Int, _ begun: Int64
  ) {
    guard loop.inEventLoop else {
      return loop.execute { self.failed(stream, error, route, begun) }
    }
    let now = home.tick()
    guard let call = call(stream), call.phase == .running else {
      return leavePlace(route, .cut(now &- begun))
    }
    close(call, core.explain(error, call.context.method))
    leavePlace(route, .untold)
  }
}
