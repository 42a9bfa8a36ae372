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
      if isSecond { throw RPCError(.unimplemented, "more than one request") }
      return keep(call)
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
      if let message = wholeMessage(bytes, atMost: call.assembler.limit) {
        return enter(call, message)
      }
    }
    guard assemble(call, bytes) else { return }
    guard !call.assembler.isInsideMessage else {
      return end(call, RPCError(.internalError, "the request ended within a message"))
    }
    guard let message = call.message else {
      return end(call, RPCError(.unimplemented, "the call ended without a request"))
    }
    guard message.wasCompressed else { return message.bytes.withUnsafeBytes { enter(call, $0) } }
    do throws(RPCError) {
      let inflated = try Gzip.message(
        message.bytes, isPacked: true, limit: core.requestBytesMax(call.route))
      call.context.noteCompressedRequest()
      inflated.bytes.withUnsafeBytes { enter(call, $0) }
    } catch {
      refuseBytes(call, error)
    }
  }

  /// The one message these bytes are, if they are one: the usual case, answered without a copy.
  private func wholeMessage(
    _ bytes: UnsafeRawBufferPointer, atMost limit: Int
  ) -> UnsafeRawBufferPointer? {
    let length = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
    guard bytes[0] == 0, Int(length) == bytes.count - 5, Int(length) <= limit else { return nil }
    return UnsafeRawBufferPointer(rebasing: bytes.dropFirst(5))
  }

  /// Begins, once there is a place.
  private func enter(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) {
    guard isWanted(call) else { return }
    switch home.enter(call, of: self) {
    case .begins:
      read(call, bytes)
    case .waits:
      call.phase = .waiting
      call.message = ReceivedMessage(Array(bytes))
      _ = keep(call)
    case .refused:
      refuse(call)
    }
  }

  /// Reads the request of a call that has been given a place; its handler begins with the others of
  /// this turn.
  func read(_ call: ServerCall, _ bytes: UnsafeRawBufferPointer) {
    guard case .unary(let unary) = core.router.handlers[call.route].kind else { return }
    do throws(RPCError) {
      call.work = try unary(bytes, call)
    } catch {
      end(call, error)
      return home.givePlaceBack()
    }
    call.phase = .waiting
    call.message = nil
    call.requestBytes = bytes.count
    letGo(call)
    home.add(call)
  }

  /// The handler begins now.
  func start(_ call: ServerCall) {
    call.work = nil
    letGo(call)
    call.handlerBeganAt = home.clock
    tookPlace(call)
    call.phase = .running
  }

  /// The handler of a unary call has ended.
  func ended(_ call: ServerCall, _ result: Result<[UInt8], any Error>) {
    guard loop.inEventLoop else { return loop.execute { self.ended(call, result) } }
    let now = home.tick()
    let took = now &- call.handlerBeganAt
    guard call.phase == .running else { return leavePlace(call.route, .cut(took)) }
    // Without a task yet it has never waited for anything.
    let hasWaited = call.task != nil
    switch result {
    case .success(let message):
      answer(call, message, at: now)
      leavePlace(call.route, hasWaited ? .whole(took) : .untold)
    case .failure(let error):
      close(call, core.explain(error, call.context.method))
      leavePlace(call.route, .untold)
    }
  }

  private func answer(_ call: ServerCall, _ message: [UInt8], at now: Int64) {
    if let error = hush(call) { return close(call, error) }
    let headers = answerHead(call)
    do throws(RPCError) {
      if isOverstuffed(now) {
        core.bounds.add(.outboundBytes)
        throw RPCError(.resourceExhausted, "too many answers wait for the caller to take them")
      }
      let part = try pack(call, message, compressed: true)
      settle(call, .ok, at: now)
      session.respond(
        call.stream, headers: headers,
        head: MessageAssembler.head(of: part.bytes, compressed: part.isPacked), headCount: 5,
        part.bytes, trailers: trailers(call, nil))
      connectionNeedsFlush()
    } catch {
      close(call, error)
    }
  }
}
