import CLibPQ
import Logging

/// The connection that hears NOTIFY for every channel somebody listens to. Only the engine's thread
/// touches it.
final class Listener {
  private let settings: DatabaseSettings
  private let logger: Logger
  private var handle: OpaquePointer?
  private var polling = PGRES_POLLING_WRITING
  private var isReady = false
  private var connectBy = ContinuousClock.now
  private var retryAt: ContinuousClock.Instant?
  private var pause: Duration
  private var streams: [String: [Int: AsyncStream<String>.Continuation]] = [:]
  /// Channels the connection has been told of, and the one LISTEN that is under way.
  private var known: Set<String> = []
  private var underWay: String?

  init(settings: DatabaseSettings, logger: Logger) {
    self.settings = settings
    self.logger = logger
    pause = settings.reconnectPauseMin
  }

  func add(
    channel: String, id: Int, _ continuation: AsyncStream<String>.Continuation,
    now: ContinuousClock.Instant, target: HostTarget?
  ) {
    streams[channel, default: [:]][id] = continuation
    if handle == nil, retryAt == nil {
      connect(now: now, target: target)
    } else {
      listenOn(now: now)
    }
  }

  func remove(channel: String, id: Int) { streams[channel]?[id] = nil }

  func close() {
    if let handle { PQfinish(handle) }
    handle = nil
    for continuations in streams.values {
      for continuation in continuations.values { continuation.finish() }
    }
    streams = [:]
  }

  /// What poll is to wait for; nil while there is no connection.
  var interest: (descriptor: Int32, events: Int16)? {
    guard let handle else { return nil }
    let writes = !isReady && polling != PGRES_POLLING_READING
    return (PQsocket(handle), Int16(writes ? POLLOUT : POLLIN))
  }

  var wantsRetry: Bool { retryAt != nil || (handle != nil && !isReady) }

  /// Connects again when it is time, gives up on an attempt that takes too long.
  /// - Parameter target: the host the pool uses; nil before its address is known.
  func tick(now: ContinuousClock.Instant, target: HostTarget?) {
    if let retryAt, retryAt <= now { connect(now: now, target: target) }
    if handle != nil, !isReady, connectBy <= now { lose(now: now) }
  }

  private func connect(now: ContinuousClock.Instant, target: HostTarget?) {
    guard let target else {
      retryAt = now + settings.reconnectPauseMin
      return
    }
    retryAt = nil
    isReady = false
    polling = PGRES_POLLING_WRITING
    connectBy = now + settings.connectTimeout
    handle = ConnectionString.start(settings, target)
    if handle == nil || PQstatus(handle) == CONNECTION_BAD { lose(now: now) }
  }

  private func lose(now: ContinuousClock.Instant) {
    if let handle {
      let cause = String(cString: PQerrorMessage(handle)).trimmingNewlines
      logger.debug("the listening connection closed", metadata: ["cause": "\(cause)"])
      PQfinish(handle)
    }
    handle = nil
    isReady = false
    known = []
    underWay = nil
    retryAt = now + pause * Double.random(in: 0.5...1)
    pause = min(pause * 2, settings.reconnectPauseMax)
  }

  func serve(now: ContinuousClock.Instant) {
    guard let handle else { return }
    guard isReady else {
      polling = PQconnectPoll(handle)
      if polling == PGRES_POLLING_FAILED {
        lose(now: now)
      } else if polling == PGRES_POLLING_OK {
        _ = PQsetnonblocking(handle, 1)
        isReady = true
        listenOn(now: now)
      }
      return
    }
    guard PQconsumeInput(handle) == 1 else {
      lose(now: now)
      return
    }
    takeAnswers(handle, now: now)
    // A refused LISTEN ends the connection, and the handle with it.
    guard self.handle == handle else { return }
    while let notification = PQnotifies(handle) {
      let channel = String(cString: notification.pointee.relname)
      let payload = String(cString: notification.pointee.extra)
      PQfreemem(notification)
      deliver(payload, on: channel)
    }
  }

  private func takeAnswers(_ handle: OpaquePointer, now: ContinuousClock.Instant) {
    while underWay != nil, PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else {
        if let channel = underWay {
          known.insert(channel)
          pause = settings.reconnectPauseMin
          // Something may have been missed before this connection listened.
          deliver("", on: channel)
        }
        underWay = nil
        listenOn(now: now)
        return
      }
      let isDone = PQresultStatus(result) == PGRES_COMMAND_OK
      PQclear(result)
      guard isDone else {
        lose(now: now)
        return
      }
    }
  }

  /// Tells the server of one channel it does not know yet; the answer brings the next.
  private func listenOn(now: ContinuousClock.Instant) {
    guard isReady, underWay == nil, let handle,
      let channel = streams.keys.first(where: { !known.contains($0) })
    else { return }
    underWay = channel
    // The channel's characters were checked by `Database.notifications`.
    guard PQsendQuery(handle, "listen \"\(channel)\"") == 1, PQflush(handle) >= 0 else {
      lose(now: now)
      return
    }
  }

  private func deliver(_ payload: String, on channel: String) {
    for continuation in (streams[channel] ?? [:]).values { continuation.yield(payload) }
  }
}
