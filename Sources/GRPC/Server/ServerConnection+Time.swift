import HTTP2
import Logging
import NIOCore
import NIOSSL
import NIOTLS

// What time does to a connection. One timer serves all of its calls and bounds: it goes off at the
// earliest moment that matters, looks at everything, and is set anew.
extension ServerConnection {
  static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }

  func connectionOpened() {
    openedAt = Self.now
    lastCallAt = openedAt
    let first =
      isHandshaking ? core.settings.handshakeTimeout : core.settings.prefaceTimeout
    look(at: openedAt &+ first.clampedNanoseconds)
  }

  func connectionStalled() {
    let patience = min(core.settings.headerTimeout, core.settings.writeIdleTimeout)
    look(at: Self.now &+ patience.clampedNanoseconds)
  }

  func settingsArrived() {
    sawSettings = true
  }

  func goAwayArrived(_ code: ErrorCode) {}

  func pongArrived() {}

  func connectionEvent(_ event: Any) {
    guard let security,
      case TLSUserEvent.handshakeCompleted(let agreed)? = event as? TLSUserEvent
    else { return }
    isHandshaking = false
    guard agreed == "h2" else {
      connection?.close("the peer did not agree to h2")
      return
    }
    openedAt = Self.now
    look(at: openedAt &+ core.settings.prefaceTimeout.clampedNanoseconds)
    guard security.authorityPath != nil, let domain = security.trustDomain else { return }
    let name = tls?.peerCertificate.flatMap { PeerName.read($0, trustDomain: domain) }
    guard let name else {
      core.logger.warning("peer has no acceptable name", metadata: ["peer": "\(peer.address)"])
      connection?.close("the peer's certificate names no service")
      return
    }
    peer = Peer(serviceName: name, address: peer.address)
  }

  func connectionClosed(_ reason: String?) {
    sweep?.cancel()
    sweep = nil
    sweepAt = 0
    connection = nil
    tls = nil
    onClose(self)
  }

  /// Makes sure that the timer goes off no later than then.
  func look(at moment: Int64) {
    guard moment < sweepAt else { return }
    sweep?.cancel()
    sweepAt = moment
    sweep = loop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(clamping: moment))) {
      self.sweepAt = .max
      self.sweepNow()
    }
  }

  private func sweepNow() {
    guard let connection else { return }
    let now = Self.now
    var next = Int64.max
    func expires(_ since: Int64, _ patience: Duration) -> Bool {
      let moment = since &+ patience.clampedNanoseconds
      if moment > now { next = min(next, moment) }
      return moment <= now
    }
    if isHandshaking {
      if expires(openedAt, core.settings.handshakeTimeout) {
        return connection.close("the TLS handshake took too long")
      }
    } else if !sawSettings, expires(openedAt, core.settings.prefaceTimeout) {
      return connection.close("no preface came")
    }
    if let since = session.insideHeadersSince, expires(since, core.settings.headerTimeout) {
      return connection.close("headers did not end")
    }
    if let since = connection.stuckSince, expires(since, core.settings.writeIdleTimeout) {
      return connection.close("the peer takes no answers")
    }
    if core.settings.connectionIdleTimeout > .zero, session.openStreams == 0,
      expires(lastCallAt, core.settings.connectionIdleTimeout)
    {
      drain()
    }
    next = min(next, sweepCalls(now))
    if next < .max { look(at: next) }
  }

  /// Ends what is overdue. Returns the next moment that matters.
  private func sweepCalls(_ now: Int64) -> Int64 {
    var next = Int64.max
    for call in calls.lazy.compactMap({ $0 }) {
      if call.phase == .answered {
        next = min(next, sweepAnswer(call, now))
        continue
      }
      let deadline = call.context.deadline.nanoseconds
      let idle = call.lastByteAt &+ core.bodyIdleNanoseconds
      if deadline <= now {
        end(call, RPCError(.deadlineExceeded, "the deadline has passed"))
      } else if call.phase == .receiving, call.queue == nil, idle <= now {
        end(call, RPCError(.deadlineExceeded, "the request did not arrive in time"))
        session.reset(call.stream, .cancel)
      } else {
        next = min(next, deadline)
        if call.phase == .receiving, call.queue == nil { next = min(next, idle) }
      }
    }
    return next
  }

  /// An answer of which the peer's window takes nothing ends as one that its socket does not take.
  private func sweepAnswer(_ call: ServerCall, _ now: Int64) -> Int64 {
    let left = session.pendingBytes(call.stream)
    guard left > 0 else { return .max }
    if left != call.unsentBytes {
      call.unsentBytes = left
      call.unsentSince = now
    }
    let moment = call.unsentSince &+ core.settings.writeIdleTimeout.clampedNanoseconds
    guard moment <= now else { return moment }
    session.reset(call.stream, .cancel)
    connectionNeedsFlush()
    return .max
  }

  // MARK: Drain

  /// Takes no new calls and closes once those under way are answered. The first notice warns, the
  /// second, after the peer had time to hear of it, says which call was the last.
  func drain() {
    session.announceShutdown()
    connectionNeedsFlush()
    loop.scheduleTask(in: .milliseconds(200)) {
      guard self.connection != nil else { return }
      self.session.stopAccepting()
      self.connectionNeedsFlush()
    }
  }
}
