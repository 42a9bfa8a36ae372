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
    setAge()
  }

  func connectionStalled() {
    let patience = min(core.settings.headerTimeout, core.settings.writeIdleTimeout)
    look(at: Self.now &+ patience.clampedNanoseconds)
  }

  func settingsArrived() {
    sawSettings = true
    // The timer may be set for the preface, which can be later.
    let patience = core.settings.keepaliveAfter
    if patience > .zero { look(at: Self.now &+ patience.clampedNanoseconds) }
  }

  func goAwayArrived(_ code: ErrorCode, told: String) {}

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
        return giveUp(.handshakeTime, "the TLS handshake took too long")
      }
    } else if !sawSettings, expires(openedAt, core.settings.prefaceTimeout) {
      return giveUp(.prefaceTime, "no preface came")
    }
    if let since = session.insideHeadersSince, expires(since, core.settings.headerTimeout) {
      return giveUp(.headerTime, "headers did not end")
    }
    if let since = connection.stuckSince, expires(since, core.settings.writeIdleTimeout) {
      return giveUp(.writeIdleTime, "the peer takes no answers")
    }
    if core.settings.connectionIdleTimeout > .zero {
      let lastUsed = session.openStreams == 0 ? lastCallAt : now
      if expires(lastUsed, core.settings.connectionIdleTimeout) { startDrain() }
    }
    connection.rest()
    next = min(next, sweepCalls(now), sweepStrangers(now))
    next = min(next, sweepAge(now), sweepKeepalive(now, connection))
    if next < .max { look(at: next) }
  }

  private func giveUp(_ bound: ServerBound, _ reason: String) {
    core.bounds.add(bound)
    connection?.close(reason)
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
      let idle = patienceEnds(call, now)
      let stuck = call.writers.isEmpty ? .max : takingEnds(call, now)
      if stuck <= now, deadline > now {
        core.bounds.add(.streamIdleTime)
        session.reset(call.stream, .cancel)
        connectionNeedsFlush()
      } else if deadline <= now {
        if core.isOfGreatestAge(call) { core.bounds.add(.streamTime) }
        end(call, RPCError(.deadlineExceeded, "the deadline has passed"))
      } else if idle <= now, call.context.method.clientStreaming {
        core.bounds.add(.streamIdleTime)
        end(call, RPCError(.deadlineExceeded, "no message came for too long"))
      } else if idle <= now {
        core.bounds.add(.bodyIdleTime)
        end(call, RPCError(.deadlineExceeded, "the request did not arrive in time"))
        session.reset(call.stream, .cancel)
      } else {
        next = min(next, deadline, idle, stuck)
      }
    }
    return next
  }

  /// When a caller that owes a message has owed it for too long; `.max` for one that owes none.
  private func patienceEnds(_ call: ServerCall, _ now: Int64) -> Int64 {
    if call.awaitsRequest { return call.lastByteAt &+ core.bodyIdleNanoseconds }
    guard let queue = call.queue, !call.requestEnded, call.context.method.clientStreaming else {
      return .max
    }
    let patience = core.messagePatience(call.route, isFirst: !call.hasSpoken)
    guard patience < .max else { return .max }
    // A handler that does not ask for more owes something itself.
    if call.lastByteAt &+ patience <= now, !queue.isAwaited { call.lastByteAt = now }
    return call.lastByteAt &+ patience
  }

  /// When the peer will have taken nothing of what waits on the stream for too long.
  private func takingEnds(_ call: ServerCall, _ now: Int64) -> Int64 {
    let left = session.pendingBytes(call.stream)
    if left != call.unsentBytes {
      call.unsentBytes = left
      call.unsentSince = now
    }
    let patience =
      core.router.isStream[call.route]
      ? core.takingPatience(call.route) : core.settings.writeIdleTimeout.clampedNanoseconds
    return patience < .max ? call.unsentSince &+ patience : .max
  }

  /// An answer of which the peer's window takes nothing ends as one that its socket does not take. The
  /// last ones of a stream are waited for like the others: until then a slow reader was not late.
  private func sweepAnswer(_ call: ServerCall, _ now: Int64) -> Int64 {
    guard session.pendingBytes(call.stream) > 0 else { return .max }
    var moment = takingEnds(call, now)
    if core.router.isStream[call.route] { moment = min(moment, call.context.deadline.nanoseconds) }
    guard moment <= now else { return moment }
    core.bounds.add(.writeIdleTime)
    session.reset(call.stream, .cancel)
    connectionNeedsFlush()
    return .max
  }
}
