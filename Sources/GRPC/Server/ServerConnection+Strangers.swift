import HTTP2

// Requests that are no gRPC calls. They are answered as plain HTTP, with a sentence for whoever
// typed the address into a browser, once they have ended: what their bodies do wrong is a matter of
// HTTP/2 until then.
extension ServerConnection {
  struct Stranger {
    let refusal: RequestHead.Refusal
    let isHead: Bool
    let since: Int64
  }

  private static let sentence = Array("gRPC calls are answered here, and nothing else\n".utf8)

  func turnAway(
    _ stream: StreamHandle, _ refusal: RequestHead.Refusal, isHead: Bool, end: Bool
  ) {
    let row = home.counters.methods
    home.counters.began(row)
    home.counters.ended(row, .unimplemented, after: 0)
    let stranger = Stranger(
      refusal: refusal, isHead: isHead, since: connection?.lastReadAt ?? 0)
    if end { return answer(stream, stranger) }
    strangers[stream] = stranger
    look(at: stranger.since &+ core.bodyIdleNanoseconds)
  }

  func strangerEnded(_ stream: StreamHandle) {
    if let stranger = strangers.removeValue(forKey: stream) { answer(stream, stranger) }
  }

  private func answer(_ stream: StreamHandle, _ stranger: Stranger) {
    let head = FieldBlock([
      (":status", "\(stranger.refusal.rawValue)"), ("content-type", "text/plain"),
    ])
    if stranger.isHead {
      session.respond(stream, trailersOnly: head)
    } else {
      session.append(stream, Self.sentence)
      session.finish(stream)
      session.respond(stream, headers: head)
    }
    connectionNeedsFlush()
  }

  /// Gives up those whose bodies take too long. Returns the next moment that matters.
  func sweepStrangers(_ now: Int64) -> Int64 {
    var next = Int64.max
    for (stream, stranger) in strangers {
      let moment = stranger.since &+ core.bodyIdleNanoseconds
      if moment <= now {
        strangers[stream] = nil
        core.bounds.add(.bodyIdleTime)
        session.reset(stream, .cancel)
        connectionNeedsFlush()
      } else {
        next = min(next, moment)
      }
    }
    return next
  }
}
