import HTTP2

// Requests that are no gRPC calls. They are answered as plain HTTP, with a sentence for whoever
// typed the address into a browser: at once, but for the answer's end, which waits for theirs. Until
// then what their bodies do wrong is a matter of HTTP/2.
extension ServerConnection {
  private static let sentence = Array("gRPC calls are answered here, and nothing else\n".utf8)

  func turnAway(
    _ stream: StreamHandle, _ refusal: RequestHead.Refusal, isHead: Bool, end: Bool
  ) {
    let row = home.counters.methods
    home.counters.began(row)
    home.counters.ended(row, .unimplemented, after: 0)
    let head = FieldBlock([
      (":status", "\(refusal.rawValue)"), ("content-type", "text/plain"),
    ])
    connectionNeedsFlush()
    if isHead, end { return session.respond(stream, trailersOnly: head) }
    if !isHead { session.append(stream, Self.sentence) }
    if end { session.finish(stream) }
    session.respond(stream, headers: head)
    let now = connection?.lastReadAt ?? 0
    strangers[stream] = now
    look(at: now &+ core.bodyIdleNanoseconds)
  }

  func strangerEnded(_ stream: StreamHandle) {
    guard strangers[stream] != nil else { return }
    session.finish(stream)
    connectionNeedsFlush()
  }

  /// Ends those that take too long. Returns the next moment that matters.
  func sweepStrangers(_ now: Int64) -> Int64 {
    var next = Int64.max
    for (stream, since) in strangers {
      let moment = since &+ core.bodyIdleNanoseconds
      guard moment <= now else {
        next = min(next, moment)
        continue
      }
      strangers[stream] = nil
      if session.pendingBytes(stream) == 0 {
        core.bounds.add(.bodyIdleTime)
        session.finish(stream)
      } else {
        core.bounds.add(.writeIdleTime)
        session.reset(stream, .cancel)
      }
      connectionNeedsFlush()
    }
    return next
  }
}
