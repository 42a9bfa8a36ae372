import CLibPQ
import Glibc
import Logging
import Synchronization

/// The pool's one thread and everything it owns.
///
/// Safety: `@unchecked` since the properties below `inbox` belong to the thread that `start` makes;
/// others only put commands into `inbox`, under its mutex.
final class Engine: @unchecked Sendable {
  /// What others ask of the thread.
  enum Command: Sendable {
    case call(Call)
    /// Its task was cancelled.
    case withdraw(Call)
    case release(Lease)
    /// A reader of rows has caught up.
    case resume(Lease)
    case copy(CopyRequest)
    /// The hosts' names were looked up.
    case resolved([String: [String]])
    case listen(channel: String, id: Int, AsyncStream<String>.Continuation)
    case unlisten(channel: String, id: Int)
    case statistics(UnsafeContinuation<PoolStatistics, Never>)
    case stop(UnsafeContinuation<Void, Never>?)
  }

  private struct Inbox {
    var commands: [Command] = []
    var isAsleep = false
    var isOpen = false
  }

  /// How often deadlines are looked at while there is one.
  static let sweepInterval: Duration = .milliseconds(20)
  /// PostgreSQL's own timeout gets this much longer to refuse before a caller is let go.
  static let answerGrace: Duration = .milliseconds(60)

  private let inbox = Mutex(Inbox())
  let readyConnections = Atomic<Int>(0)
  private let wakeUp: Int32

  // Below: the thread's own.
  let settings: DatabaseSettings
  let logger: Logger
  var pool: PoolMachine<Call>
  var actions: [PoolMachine<Call>.Action] = []
  var isObeying = false
  var connections: [Connection?]
  var hosts: HostList
  /// Attempts that wait for the hosts' names.
  var unresolved: [(lease: Lease, until: ContinuousClock.Instant)] = []
  var listener: Listener?
  var now = ContinuousClock.now
  var lastConnectFailure: String?
  /// A commit is to be announced to who follows the feed.
  var owesAnnouncement = false
  var tally = PoolStatistics()
  private var isStopping = false
  private var stopBy: ContinuousClock.Instant?
  private var stopped: [UnsafeContinuation<Void, Never>] = []
  private var nextSweep = ContinuousClock.now
  private var polled: [pollfd] = []
  private var polledSlots: [Int] = []

  init(settings: DatabaseSettings, logger: Logger) {
    self.settings = settings
    self.logger = logger
    pool = PoolMachine(
      bounds: PoolBounds(settings), now: .now, seed: UInt64.random(in: 0...UInt64.max))
    connections = Array(repeating: nil, count: pool.slots.count)
    hosts = HostList(settings.connection)
    wakeUp = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
  }

  deinit { if wakeUp >= 0 { Glibc.close(wakeUp) } }

  // MARK: Any thread

  /// Starts the thread; it keeps the engine alive until it is stopped.
  func start() throws(PostgresError) {
    guard wakeUp >= 0 else { throw .unavailable("no file descriptor is left") }
    let isFirst = inbox.withLock { inbox in
      defer { inbox.isOpen = true }
      return !inbox.isOpen
    }
    guard isFirst else { return }
    guard IOThread.start(named: "postgres", { self.loop() }) else {
      inbox.withLock { $0.isOpen = false }
      throw .unavailable("no thread could be made")
    }
  }

  /// Puts a command in the thread's way and wakes it if it sleeps.
  /// - Returns: false when the pool is closed; then nothing was taken.
  @discardableResult
  func submit(_ command: Command) -> Bool {
    let (isTaken, wasAsleep) = inbox.withLock { inbox in
      guard inbox.isOpen else { return (false, false) }
      inbox.commands.append(command)
      defer { inbox.isAsleep = false }
      return (true, inbox.isAsleep)
    }
    if wasAsleep { wake() }
    return isTaken
  }

  private func wake() {
    var one: UInt64 = 1
    _ = Glibc.write(wakeUp, &one, 8)
  }

  // MARK: The thread

  private func loop() {
    while true {
      now = .now
      takeCommands()
      if now >= nextSweep { sweep() }
      tell(.turned)
      if isStopping, isDrained { break }
      poll()
    }
    end()
  }

  private func takeCommands() {
    let commands = inbox.withLock { inbox in
      inbox.isAsleep = false
      guard !inbox.commands.isEmpty else { return [Command]() }
      let commands = inbox.commands
      inbox.commands = []
      inbox.commands.reserveCapacity(commands.count)
      return commands
    }
    for command in commands { take(command) }
  }

  private func take(_ command: Command) {
    switch command {
    case .call(let call): accept(call)
    case .withdraw(let call): withdraw(call)
    case .release(let lease): release(lease)
    case .resume(let lease): resume(lease)
    case .copy(let request): accept(request)
    case .resolved(let addresses): resolved(addresses)
    case .listen(let channel, let id, let continuation):
      listen(to: channel, id: id, continuation)
    case .unlisten(let channel, let id):
      listener?.remove(channel: channel, id: id)
    case .statistics(let continuation): continuation.resume(returning: statistics)
    case .stop(let continuation):
      isStopping = true
      stopBy = stopBy ?? now + settings.stuckTimeout
      if let continuation { stopped.append(continuation) }
      tell(.closed)
    }
  }

  private var isDrained: Bool {
    if let stopBy, now >= stopBy { return true }
    return connections.allSatisfy { $0?.calls.isEmpty ?? true } && !pool.hasReservation
  }

  private func end() {
    let rest = inbox.withLock { inbox in
      inbox.isOpen = false
      defer { inbox.commands = [] }
      return inbox.commands
    }
    for command in rest { take(command) }
    for slot in connections.indices { lose(slot, because: "the pool is closed") }
    tell(.closed)
    listener?.close()
    listener = nil
    for continuation in stopped { continuation.resume() }
    stopped = []
  }

  private func sweep() {
    nextSweep = now + Self.sweepInterval
    tell(.swept)
    expireSent()
    announceIfDue()
    listener?.tick(now: now, target: hosts.current)
  }

  /// Sleeps until a descriptor is ready, a command comes or a deadline may have passed.
  private func poll() {
    polled.removeAll(keepingCapacity: true)
    polledSlots.removeAll(keepingCapacity: true)
    polled.append(pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0))
    for case let connection? in connections where !connection.isPaused {
      polled.append(pollfd(fd: connection.descriptor, events: connection.interest, revents: 0))
      polledSlots.append(connection.lease.slot)
    }
    let listens = listener?.interest
    if let listens {
      polled.append(pollfd(fd: listens.descriptor, events: listens.events, revents: 0))
    }
    let mayPause = inbox.withLock { inbox in
      inbox.isAsleep = inbox.commands.isEmpty
      return inbox.isAsleep
    }
    _ = Glibc.poll(&polled, nfds_t(polled.count), mayPause ? pauseMilliseconds : 0)
    now = .now
    if polled[0].revents != 0 {
      var count: UInt64 = 0
      _ = Glibc.read(wakeUp, &count, 8)
    }
    for (index, slot) in polledSlots.enumerated() where polled[index + 1].revents != 0 {
      serve(slot)
    }
    if listens != nil, let last = polled.last, last.revents != 0 {
      listener?.serve(now: now)
    }
  }

  /// Whole milliseconds until there may be something to do; −1 when only others can say.
  private var pauseMilliseconds: Int32 {
    if hasDeadlines { return 20 }
    return pool.isShort || listener?.wantsRetry == true ? 50 : -1
  }

  private var hasDeadlines: Bool {
    isStopping || pool.waitingCount > 0 || owesAnnouncement || pool.connectingCount > 0
      || connections.contains { $0.map { !$0.calls.isEmpty || $0.copy.isUnderWay } ?? false }
  }
}
