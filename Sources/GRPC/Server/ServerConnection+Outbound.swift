import HTTP2

// What waits for a peer that does not take it. Calls that come meanwhile are refused; those that came
// before wait until some of it is gone, so that a hundred requests sent at once make no hundred
// answers that nobody takes.
extension ServerConnection {
  /// This many times as much as should be may wait for a peer that takes its answers, if slowly.
  private static let outboundFactor = 4
  /// This many times as much waits for no peer.
  private static let outboundFactorMax = 16
  /// A peer that has taken nothing for as long, or never anything, takes no answers.
  private static let leastTaking: Int64 = 1_000_000_000

  /// True when more waits to be sent than should for a peer that takes its answers as this one does.
  func isStuffed(_ now: Int64) -> Bool {
    let waiting = session.outboundBytes
    guard waiting >= core.settings.outboundBytesMax else { return false }
    return !takesAnswers(now) || waiting / Self.outboundFactor >= core.settings.outboundBytesMax
  }

  /// True when an answer is better forgotten than kept: its handler began when there was room, and so
  /// did many others.
  func isOverstuffed(_ now: Int64) -> Bool {
    let most = core.settings.outboundBytesMax
    let waiting = session.outboundBytes
    guard waiting / Self.outboundFactor >= most else { return false }
    return !takesAnswers(now) || waiting / Self.outboundFactorMax >= most
  }

  private func takesAnswers(_ now: Int64) -> Bool {
    if taken.bytes != session.sentBytes { taken = (session.sentBytes, now) }
    return now &- taken.at < Self.leastTaking
  }

  /// Keeps a call whose handler could begin, or go on writing, until there is room for what it says.
  func park(_ call: ServerCall) {
    if !parked.contains(call.stream) { parked.append(call.stream) }
    if call.queue == nil { _ = keep(call) }
  }

  func connectionSent() {
    guard !parked.isEmpty, !isStuffed(home.tick()) else { return }
    let streams = parked
    parked = []
    for stream in streams {
      guard let call = call(stream), call.phase != .answered else { continue }
      if call.queue != nil { streamDrained(stream) } else { resume(call) }
    }
    home.runHandlers()
  }

  /// Looks for a place once more: it was given to others.
  private func resume(_ call: ServerCall) {
    guard isWanted(call) else { return }
    switch home.enter(call, of: self) {
    case .begins: home.add(call)
    case .waits: break
    case .refused: refuse(call)
    }
  }
}
