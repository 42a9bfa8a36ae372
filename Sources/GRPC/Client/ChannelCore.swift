import HTTP2
import NIOCore
import NIOSSL

/// What a channel does on its event loop: keeps connections, and calls that wait for one. Which
/// connections, the balancer says.
///
/// Safety: every property is touched on `loop` only; `ClientChannel` brings everything there.
final class ChannelCore: @unchecked Sendable {
  let loop: any EventLoop
  let settings: ChannelSettings
  let security: ChannelSecurity?
  let metrics: ChannelMetrics
  let resolver: Resolver
  var balancer: Balancer<Endpoint>
  /// The servers that the balancer knows.
  var servers: [Int: Server] = [:]
  /// Where calls may go, in the balancer's order.
  var picks: [ClientConnection] = []
  /// Every connection that is not gone; one that drains belongs to no server any more.
  var connections: [ClientConnection] = []
  var lastFailure: String?
  var keepaliveAfter: Duration
  /// The earliest moment for the next look-up of names, and whether one is due then.
  var nextLookUp = Int64.min
  var isLookUpDue = false
  private(set) var isClosed = false
  private var waiting: [ClientCall] = []
  private var turn = 0
  private var bucket: RetryBucket
  private var lastCallAt: Int64 = 0
  /// Nothing but deadlines is looked for more often than this.
  private let leastPatience: Int64
  private var timer: Scheduled<Void>?
  private var timerAt = Int64.max
  private var allClosed: [OneShot<Void>] = []

  /// With more than this waiting to be sent on its stream, a sender waits.
  static let waitingBytesMax = 64 << 10

  init(
    loop: any EventLoop, targets: [ChannelTarget], policy: BalancingPolicy,
    settings: ChannelSettings, security: ChannelSecurity?, lookUp: @escaping Resolver.LookUp
  ) {
    self.loop = loop
    self.settings = settings
    self.security = security
    metrics = ChannelMetrics(target: targets.map(\.authority).joined(separator: ","))
    resolver = Resolver(
      loop: loop, targets: targets, patience: settings.lookUpTimeout, lookUp: lookUp
    ) { [metrics] in metrics.reached(.lookUpTime) }
    balancer = Balancer(policy: policy, watchesHealth: settings.healthService != nil)
    bucket = RetryBucket(settings.retryThrottling)
    keepaliveAfter = settings.keepaliveAfter
    turn = Int.random(in: 0..<1_024)
    let idle = settings.idleTimeout > .zero ? settings.idleTimeout : settings.keepaliveAfter
    leastPatience = min(idle, settings.keepaliveAfter).clampedNanoseconds
  }

  // MARK: Calls

  /// Takes a call of the user's.
  func begin(_ call: ClientCall) {
    metrics.started()
    submit(call)
  }

  func submit(_ call: ClientCall) {
    guard !call.isEnded else { return }
    if isClosed { return call.fail(RPCError(.unavailable, "the channel is closed")) }
    look(at: call.deadline.nanoseconds)
    if waiting.isEmpty, let connection = pick() {
      lastCallAt = ServerConnection.now
      if start(call, on: connection) { return watchOver() }
    }
    if !call.waitsForReady, balancer.isFailing { return call.fail(unreachable()) }
    guard waiting.count < settings.waitingMax else {
      metrics.reached(.waiting)
      return call.fail(
        RPCError(.resourceExhausted, reason: "OVERLOADED", "too many calls wait for a connection"))
    }
    waiting.append(call)
    metrics.waiting(waiting.count)
    want()
  }

  /// Calls are there: from now on the balancer keeps connections for them.
  private func want() {
    lastCallAt = ServerConnection.now
    guard !balancer.isWanted else { return }
    tell(.wanted(true))
    lookUp()
    watchOver()
  }

  private func pick() -> ClientConnection? {
    if picks.count == 1 { return picks[0].hasRoom ? picks[0] : nil }
    for _ in picks.indices {
      turn = turn &+ 1 < picks.count ? turn &+ 1 : 0
      if picks[turn].hasRoom { return picks[turn] }
    }
    return nil
  }

  private func start(_ call: ClientCall, on connection: ClientConnection) -> Bool {
    if connection.start(call) { return true }
    // It has used up the numbers of its streams: another takes its place.
    loop.execute { self.retire(connection) }
    return false
  }

  /// Starts what waits, as far as there is room.
  func startWaiting() {
    guard !waiting.isEmpty else { return }
    var started = 0
    while started < waiting.count {
      if !waiting[started].isEnded {
        guard let connection = pick(), start(waiting[started], on: connection) else { break }
      }
      started += 1
    }
    waiting.removeFirst(started)
    metrics.waiting(waiting.count)
    if started > 0 { watchOver() }
  }

  /// Ends the waiting calls that wait no longer than there is hope.
  func failFast() {
    guard balancer.isFailing, waiting.contains(where: { !$0.waitsForReady }) else { return }
    for call in waiting where !call.waitsForReady { call.fail(unreachable()) }
    waiting.removeAll(where: \.isEnded)
    metrics.waiting(waiting.count)
  }

  func cancel(_ call: ClientCall) {
    let error = RPCError(.cancelled, "the caller gave up")
    if let connection = call.connection { return connection.abandon(call, error) }
    call.fail(error)
    waiting.removeAll { $0 === call }
    metrics.waiting(waiting.count)
  }

  func roomOpened(_ connection: ClientConnection) {
    if !waiting.isEmpty { startWaiting() }
  }

  // MARK: Other attempts

  /// A call that the server certainly did not look at goes out again. One that never left goes as
  /// often as it takes.
  func again(_ call: ClientCall, wasRefused: Bool) {
    if wasRefused { call.refusals += 1 }
    guard call.refusals <= 5 else {
      let error = RPCError(.unavailable, "the server keeps refusing the call")
      return attemptFailed(call, error, nil, trailers: Metadata())
    }
    metrics.retriedUnseen()
    call.beginAgain()
    submit(call)
  }

  /// A call of a method with retries ended well.
  func succeeded() { bucket.succeeded() }

  /// An attempt ended badly: the call ends so too, unless its policy grants another.
  func attemptFailed(
    _ call: ClientCall, _ error: RPCError, _ pushback: ResponseFields.Pushback?, trailers: Metadata
  ) {
    guard let pause = pause(before: call, error, pushback) else {
      return call.fail(error, trailers: trailers)
    }
    metrics.retried()
    call.connection?.detach(call)
    call.beginAgain()
    loop.scheduleTask(in: pause.timeAmount) { self.submit(call) }
  }

  /// How long to wait before the next attempt; nil when there is none.
  private func pause(
    before call: ClientCall, _ error: RPCError, _ pushback: ResponseFields.Pushback?
  ) -> Duration? {
    guard let policy = call.retries, call.canBeginAgain else { return nil }
    var asked: Duration?
    var isForbidden = false
    switch pushback {
    case .after(let pause): asked = pause
    case .never: isForbidden = true
    case nil: break
    }
    guard policy.retryableCodes.contains(error.code) || isForbidden else { return nil }
    let isAllowed = bucket.failed()
    call.failures += 1
    guard !isForbidden, policy.retryableCodes.contains(error.code),
      call.failures < policy.maxAttempts
    else { return nil }
    guard isAllowed else {
      metrics.wasThrottled()
      return nil
    }
    let own = policy.pause(afterAttempts: call.failures) * Double.random(in: 0.8...1.2)
    let pause = asked ?? own
    return pause < call.deadline.remaining ? pause : nil
  }

  // MARK: Streams

  /// Sends a message of a call with streams, or holds it until the call is on one.
  func send(_ call: ClientCall, _ message: Outbox.Message, _ room: OneShot<Void>) {
    guard !call.isEnded, !call.outbox.isFinished else {
      room.give(.failure(call.lateness))
      return
    }
    call.outbox.append(message, isSent: call.stream != nil)
    if let connection = call.connection { return connection.send(call, message, room) }
    if call.outbox.bytes <= Self.waitingBytesMax {
      room.give(.success(()))
    } else {
      call.writers.append(room)
    }
  }

  func endSending(_ call: ClientCall) {
    guard !call.outbox.isFinished else { return }
    call.outbox.isFinished = true
    call.connection?.endSending(call)
  }

  // MARK: End

  /// Finishes what is open and takes nothing new.
  func close(_ closed: OneShot<Void>) {
    isClosed = true
    allClosed.append(closed)
    let left = waiting
    waiting = []
    for call in left { call.fail(RPCError(.unavailable, "the channel is closed")) }
    tell(.wanted(false))
    if connections.isEmpty { tellClosed() }
  }

  func tellClosed() {
    guard isClosed else { return }
    timer?.cancel()
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

  /// Makes sure that connections with calls are looked after. Most calls find the timer set.
  private func watchOver() {
    guard timerAt > lastCallAt &+ leastPatience else { return }
    var patience = keepaliveAfter
    if settings.idleTimeout > .zero { patience = min(patience, settings.idleTimeout) }
    look(at: lastCallAt &+ patience.clampedNanoseconds)
  }

  private func sweep() {
    let now = ServerConnection.now
    var next = Int64.max
    for call in waiting where call.deadline.nanoseconds <= now { call.fail(overdue()) }
    waiting.removeAll(where: \.isEnded)
    metrics.waiting(waiting.count)
    for call in waiting { next = min(next, call.deadline.nanoseconds) }
    for connection in connections { next = min(next, connection.sweep(now)) }
    next = min(next, restIfIdle(now))
    if next < .max { look(at: next) }
  }

  /// Lets the connections go when no call needed them for long. Returns when to look again.
  private func restIfIdle(_ now: Int64) -> Int64 {
    guard settings.idleTimeout > .zero, balancer.isWanted else { return .max }
    if !waiting.isEmpty || connections.contains(where: { $0.usersCalls > 0 }) { lastCallAt = now }
    let moment = lastCallAt &+ settings.idleTimeout.clampedNanoseconds
    if moment > now { return moment }
    tell(.wanted(false))
    return .max
  }

  private func overdue() -> RPCError {
    if !picks.isEmpty {
      return RPCError(.deadlineExceeded, "too many calls were under way to start this one in time")
    }
    return RPCError(.deadlineExceeded, reason: RPCError.noConnection, whyUnreachable)
  }

  private func unreachable() -> RPCError { RPCError(.unavailable, whyUnreachable) }

  private var whyUnreachable: String {
    let why = lastFailure.map { ": \($0)" } ?? ""
    return "no connection to \(metrics.target) in time\(why)"
  }
}
