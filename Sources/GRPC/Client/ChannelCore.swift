import HTTP2
import NIOCore
import NIOPosix
import NIOSSL

/// What a channel does on its event loop: keeps a connection, and calls that wait for one.
///
/// Safety: every property is touched on `loop` only; `ClientChannel` brings everything there.
final class ChannelCore: @unchecked Sendable {
  private enum State {
    case idle
    case connecting(ClientConnection)
    case ready(ClientConnection)
    case backingOff
    case closed
  }

  let loop: any EventLoop
  private let target: ChannelTarget
  private let settings: ChannelSettings
  private let security: NIOSSLContext?
  private var state = State.idle
  /// Every connection that is not gone; one that drains is not in `state` any more.
  private var connections: [ClientConnection] = []
  private var waiting: [ClientCall] = []
  private var backoff: Duration
  private var lastFailure: String?
  private var timer: Scheduled<Void>?
  private var timerAt = Int64.max
  private var allClosed: [OneShot<Void>] = []

  init(
    loop: any EventLoop, target: ChannelTarget, settings: ChannelSettings,
    security: NIOSSLContext?
  ) {
    self.loop = loop
    self.target = target
    self.settings = settings
    self.security = security
    backoff = settings.firstBackoff
  }

  // MARK: Calls

  func submit(_ call: ClientCall) {
    guard !call.isEnded else { return }
    if case .closed = state { return call.fail(RPCError(.unavailable, "the channel is closed")) }
    look(at: call.deadline.nanoseconds)
    if waiting.isEmpty, case .ready(let connection) = state, connection.hasRoom {
      connection.start(call)
      return look(at: ServerConnection.now &+ settings.keepaliveAfter.clampedNanoseconds)
    }
    guard waiting.count < settings.waitingMax else {
      return call.fail(
        RPCError(.resourceExhausted, reason: "OVERLOADED", "too many calls wait for a connection"))
    }
    waiting.append(call)
    if case .idle = state { connect() }
  }

  /// A call that the server certainly did not look at goes out again.
  func again(_ call: ClientCall) {
    call.refusals += 1
    guard call.refusals <= 5 else {
      return call.fail(RPCError(.unavailable, "the server keeps refusing the call"))
    }
    submit(call)
  }

  func cancel(_ call: ClientCall) {
    abandon(call, RPCError(.cancelled, "the caller gave up"))
  }

  private func abandon(_ call: ClientCall, _ error: RPCError) {
    if let connection = connection(of: call) {
      connection.abandon(call, error)
    } else {
      waiting.removeAll { $0 === call }
      call.fail(error)
    }
  }

  /// The connection that a call is on.
  func connection(of call: ClientCall) -> ClientConnection? {
    connections.first { $0.carries(call) }
  }

  func roomOpened(_ connection: ClientConnection) {
    guard case .ready(let current) = state, current === connection else { return }
    startWaiting()
  }

  private func startWaiting() {
    guard case .ready(let connection) = state else { return }
    var started = 0
    while started < waiting.count, connection.hasRoom {
      connection.start(waiting[started])
      started += 1
    }
    waiting.removeFirst(started)
    if started > 0 {
      look(at: ServerConnection.now &+ settings.keepaliveAfter.clampedNanoseconds)
    }
  }

  // MARK: Connections

  private func connect() {
    let connection: ClientConnection
    do {
      connection = try ClientConnection(
        self, authority: target.authority, settings: settings,
        peer: security == nil ? nil : (target.peerName, target.trustDomain))
    } catch {
      return failed("\(error)")
    }
    connections.append(connection)
    state = .connecting(connection)
    let attempt = ClientBootstrap(group: loop)
      .connectTimeout(settings.connectTimeout.timeAmount)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.tcpOption(.userTimeout), value: 10_000)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.equip(channel, connection) }
      }
      .connect(host: target.host, port: target.port)
    attempt.whenFailure { error in self.lost(connection, "\(error)") }
    loop.scheduleTask(in: settings.connectTimeout.timeAmount) {
      // Connected, but no word of HTTP/2 in time.
      if case .connecting(let current) = self.state, current === connection {
        connection.connection?.close("the server did not answer in time")
      }
    }
  }

  private func equip(_ channel: any Channel, _ connection: ClientConnection) throws {
    if let security {
      let handler = try NIOSSLClientHandler(context: security, serverHostname: nil)
      connection.tls = handler
      try channel.pipeline.syncOperations.addHandler(handler)
    }
    let handler = Connection(session: connection.session, delegate: connection)
    connection.connection = handler
    try channel.pipeline.syncOperations.addHandler(handler)
  }

  func becameReady(_ connection: ClientConnection) {
    guard case .connecting(let current) = state, current === connection else { return }
    state = .ready(connection)
    backoff = settings.firstBackoff
    lastFailure = nil
    startWaiting()
  }

  /// The server takes no new calls on this connection; those it has are finished.
  func isLeaving(_ connection: ClientConnection) {
    if case .ready(let current) = state, current === connection { becomeIdle() }
  }

  func lost(_ connection: ClientConnection, _ reason: String?) {
    guard connections.contains(where: { $0 === connection }) else { return }
    connections.removeAll { $0 === connection }
    switch state {
    case .ready(let current) where current === connection: becomeIdle()
    case .connecting(let current) where current === connection: failed(reason)
    default: break
    }
    if connections.isEmpty { tellClosed() }
  }

  private func becomeIdle() {
    state = .idle
    if !waiting.isEmpty { connect() }
  }

  private func failed(_ reason: String?) {
    lastFailure = reason
    state = .backingOff
    let pause = backoff * Double.random(in: 0.8...1.2)
    backoff = min(backoff * 2, settings.longestBackoff)
    loop.scheduleTask(in: pause.timeAmount) {
      if case .backingOff = self.state { self.becomeIdle() }
    }
  }

  /// Finishes what is open and takes nothing new.
  func close(_ closed: OneShot<Void>) {
    state = .closed
    allClosed.append(closed)
    let left = waiting
    waiting = []
    for call in left { call.fail(RPCError(.unavailable, "the channel is closed")) }
    for connection in connections { connection.drain() }
    if connections.isEmpty { tellClosed() }
  }

  private func tellClosed() {
    for waiter in allClosed { waiter.give(.success(())) }
    allClosed = []
  }

  /// Closes whatever `close` left open.
  func closeNow() {
    for connection in connections { connection.connection?.close("the channel is closed") }
  }

  // MARK: Time

  private func look(at moment: Int64) {
    guard moment < timerAt else { return }
    timer?.cancel()
    timerAt = moment
    timer = loop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(clamping: moment))) {
      self.timerAt = .max
      self.sweep()
    }
  }

  private func sweep() {
    let now = ServerConnection.now
    var next = Int64.max
    for call in waiting where call.deadline.nanoseconds <= now { call.fail(overdue()) }
    waiting.removeAll(where: \.isEnded)
    for call in waiting { next = min(next, call.deadline.nanoseconds) }
    for connection in connections { next = min(next, connection.sweep(now)) }
    if next < .max { look(at: next) }
  }

  private func overdue() -> RPCError {
    if case .ready = state {
      return RPCError(.deadlineExceeded, "too many calls were under way to start this one in time")
    }
    let why = lastFailure.map { ": \($0)" } ?? ""
    return RPCError(.unavailable, "no connection to \(target.authority) in time\(why)")
  }
}

/// Where a channel leads.
struct ChannelTarget: Sendable {
  let host: String
  let port: Int
  /// The name that the server's certificate must bear; not looked at without TLS.
  let peerName: String
  let trustDomain: String

  var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
