import HTTP2
import NIOCore

// How a connection ends without losing a call: the first notice warns the peer, the second says
// which call was the last. Between them the peer has time to hear of the first.
extension ServerConnection {
  enum Drain {
    case none
    /// The first notice went out, and a ping behind it.
    case announced
    /// The second notice went out.
    case last(since: Int64)
  }

  /// What the ping behind the first notice carries.
  private static let drainTag: UInt64 = 0x636c_6965_6e74_656c

  /// Takes no new calls and closes once those under way are answered.
  func startDrain() {
    guard case .none = drain, connection != nil else { return }
    drain = .announced
    session.announceShutdown()
    session.ping(tag: Self.drainTag)
    connectionNeedsFlush()
    loop.scheduleTask(in: core.settings.drainNotice.timeAmount) { self.stopAccepting() }
  }

  /// The peer has heard the first notice, or had time to.
  private func stopAccepting() {
    guard case .announced = drain, connection != nil else { return }
    let now = Self.now
    drain = .last(since: now)
    session.stopAccepting()
    endWatches()
    connectionNeedsFlush()
    look(at: now &+ core.settings.connectionAgeGrace.clampedNanoseconds)
  }

  /// Watchers have been told the news; they would hold the connection for ever.
  private func endWatches() {
    for call in calls.lazy.compactMap({ $0 }) where call.route == core.watchRoute {
      end(call, RPCError(.unavailable, "the connection ends; watch on another"))
    }
  }

  /// The session has told the peer to go, and takes no new calls.
  func noMoreCalls() {
    if case .last = drain { return }
    drain = .last(since: Self.now)
    endWatches()
    connectionNeedsFlush()
  }

  func pongArrived(_ tag: UInt64) {
    pingedAt = nil
    if tag == Self.drainTag { stopAccepting() }
  }

  /// Sets the age at which the connection is drained; spread, so that connections opened together
  /// do not end together.
  func setAge() {
    let age = core.settings.connectionAgeMax
    guard age > .zero else { return }
    let spread = age * Double.random(in: 0.9...1.1)
    retiresAt = Self.now &+ spread.clampedNanoseconds
    look(at: retiresAt)
  }

  /// Drains what has lived long enough, and closes what does not end. Returns the next moment that
  /// matters.
  func sweepAge(_ now: Int64) -> Int64 {
    switch drain {
    case .none where retiresAt <= now:
      core.bounds.add(.connectionAge)
      startDrain()
      return .max
    case .none:
      return retiresAt
    case .last(let since) where retiresAt < .max:
      let moment = since &+ core.settings.connectionAgeGrace.clampedNanoseconds
      guard moment <= now else { return moment }
      connection?.close("calls outlived the connection's age")
      return .max
    case .announced, .last:
      return .max
    }
  }

  /// Makes sure that a quiet peer is still there. Returns the next moment that matters.
  func sweepKeepalive(_ now: Int64, _ connection: Connection) -> Int64 {
    let settings = core.settings
    guard settings.keepaliveAfter > .zero, !isHandshaking else { return .max }
    let quietUntil = connection.lastReadAt &+ settings.keepaliveAfter.clampedNanoseconds
    guard quietUntil <= now else {
      pingedAt = nil
      return quietUntil
    }
    let pinged = pingedAt ?? now
    if pingedAt == nil {
      pingedAt = now
      session.ping()
      connectionNeedsFlush()
    }
    let patience = pinged &+ settings.keepaliveTimeout.clampedNanoseconds
    guard patience <= now else { return patience }
    core.bounds.add(.keepaliveTime)
    connection.close("the peer does not answer")
    return .max
  }
}
