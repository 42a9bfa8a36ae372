import HTTP2

// Places: which handlers of the connection are at work, wait to be, or will never be.
extension ServerConnection {
  /// A handler begins, with a place of its own unless it is one that waits for most of its life.
  func tookPlace(_ call: ServerCall) {
    core.began()
    if call.route != core.watchRoute { running += 1 }
  }

  /// A handler has ended.
  func leavePlace(_ route: Int, _ length: ServerLoop.Length) {
    core.release()
    guard route != core.watchRoute else { return }
    running -= 1
    home.ended(route, length)
  }

  /// False for a call whose caller has given up while it lay in the socket or waited: nothing is
  /// done for nobody.
  func isWanted(_ call: ServerCall) -> Bool {
    guard call.context.deadline.nanoseconds > home.clock else {
      end(call, RPCError(.deadlineExceeded, "the deadline has passed"))
      return false
    }
    // Its end is among the events of this turn.
    return session.isOpen(call.stream)
  }

  /// A place has become free for a call that waited. Returns false when it is not used.
  func begin(_ stream: StreamHandle) -> Bool {
    guard let call = call(stream), call.waitingID != nil else { return false }
    call.waitingID = nil
    guard isWanted(call) else { return false }
    if call.queue != nil {
      startStream(call)
    } else if call.work != nil {
      home.add(call)
    } else if let message = call.message {
      message.bytes.withUnsafeBytes { read(call, $0) }
    }
    return true
  }

  /// No place became free in time.
  func refuseWaiting(_ stream: StreamHandle) {
    guard let call = call(stream), call.phase != .answered else { return }
    call.waitingID = nil
    refuse(call)
  }

  /// Refuses a call that has been taken in.
  func refuse(_ call: ServerCall) {
    settle(call, .resourceExhausted, at: home.clock)
    session.respond(call.stream, trailersOnly: core.overloaded)
    call.queue?.finish(
      .failure(RPCError(.resourceExhausted, "the server has too much to do")), dropping: true)
    connectionNeedsFlush()
  }

  /// Refuses a call of which only the head was looked at.
  func refuseForLoad(_ stream: StreamHandle, _ route: Int) {
    home.counters.began(route)
    home.counters.ended(route, .resourceExhausted, after: 0)
    session.respond(stream, trailersOnly: core.overloaded)
    connectionNeedsFlush()
  }
}
