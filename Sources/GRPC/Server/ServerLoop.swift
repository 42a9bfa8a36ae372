import HTTP2
import NIOCore
import Synchronization

/// What the connections of one event loop share: whose handlers may begin, and what is counted.
///
/// Safety: what is neither constant nor atomic is touched on the event loop only.
final class ServerLoop: @unchecked Sendable {
  enum Entry {
    case begins, waits, refused
  }

  /// What the end of a handler says of how busy those are that it waited for.
  enum Length {
    /// Nothing: it never waited, it failed, or it lasted for as long as its caller liked.
    case untold
    /// It answered after so many nanoseconds.
    case whole(Int64)
    /// Nobody waited for its answer any more after so many.
    case cut(Int64)
    /// Nothing: its call had streams, and a place among those that have.
    case stream
  }

  private struct Waiter {
    let connection: ServerConnection
    let stream: StreamHandle
  }

  let loop: any EventLoop
  let executor: LoopExecutor
  let counters: CallCounters
  private let core: ServerCore
  /// Not checked for exclusivity: each access is one call of it, on one thread.
  @exclusivity(unchecked) private var admission: Admission
  @exclusivity(unchecked) private var eases: [Ease]
  @exclusivity(unchecked) private var waiters: [UInt64: Waiter] = [:]
  /// Calls with streams among those in `ready`.
  private var readyStreams: Set<UInt64> = []
  private var lastID: UInt64 = 0
  private var isStarting = false
  /// Calls with a place whose handlers begin once the loop has looked at its sockets again.
  private var ready = ReadyQueue()
  /// Calls whose requests were read in this turn and whose handlers begin before it ends.
  @exclusivity(unchecked) private var batch = HandlerBatch()
  private var isReadyScheduled = false
  private var look: Scheduled<Void>?
  private var lookAt = Int64.max
  private var heldBytes = 0
  /// The newest moment that anybody on the loop asked the clock for.
  @exclusivity(unchecked) private(set) var clock: Int64 = 0
  /// Since when the loop has gone from one thing to the next without a rest.
  @exclusivity(unchecked) private var busySince: Int64 = 0
  /// The limit and the length of the queue, for whoever asks from elsewhere.
  let limitFigure = Atomic(0)
  let queueFigure = Atomic(0)

  /// Calls that came in this turn of a busy loop, and since when it has begun handlers.
  private var callsOfTurn = 0
  @exclusivity(unchecked) private var isInTurn = false
  @exclusivity(unchecked) private var turnBegan: Int64 = 0

  /// With nothing to read for as long as this, the loop has rested.
  private static let rest: Int64 = 200_000
  /// Until the next handlers begin, so that sockets come first; with nothing to read it is wasted.
  private static let breath = TimeAmount.microseconds(50)

  init(_ loop: any EventLoop, core: ServerCore) {
    self.loop = loop
    self.core = core
    executor = LoopExecutor(loop)
    counters = CallCounters(methods: core.router.handlers.count)
    admission = Admission(
      core.settings.admission, most: core.placesPerLoop, streamShare: core.settings.streamShare)
    eases = Array(repeating: Ease(), count: core.router.handlers.count)
    limitFigure.store(admission.limit, ordering: .relaxed)
  }

  // MARK: Time

  /// Asks the clock.
  func tick() -> Int64 {
    clock = ServerConnection.now
    return clock
  }

  /// Something was read then.
  func noteRead(at moment: Int64) {
    if moment &- clock > Self.rest, ready.isEmpty { busySince = moment }
    if moment > clock { clock = moment }
  }

  // MARK: Places

  /// Why a call that has only announced itself is refused already; nil when it is not.
  ///
  /// - Parameters:
  ///   - readAt: when its head was read.
  ///   - before: when its connection was read before that: since then it may have lain there.
  func refusal(_ route: Int, readAt: Int64, before: Int64) -> ServerBound? {
    let busyFor = clock &- busySince
    if busyFor > core.overloadAfter {
      // On average it lay there for half of the time in which nobody looked.
      let lay = (clock &- readAt) &+ max(0, readAt &- max(before, busySince)) / 2
      openTurn()
      callsOfTurn &+= 1
      // The first few are never too late: where only few come, somebody else keeps the processor,
      // and refusing them would help nobody.
      if callsOfTurn &+ ready.count > core.settings.admission.least,
        admission.isTooLate(
          core.ranks[route], lay: lay &+ ready.length(core.ranks[route]), busyFor: busyFor)
      {
        return .queueTime
      }
    }
    return admission.isFull(for: core.ranks[route], clock) ? .queue : nil
  }

  /// The loop looks at its sockets; what it does for what it finds there ends with the turn.
  private func openTurn() {
    guard !isInTurn else { return }
    isInTurn = true
    turnBegan = tick()
    loop.execute {
      self.isInTurn = false
      self.callsOfTurn = 0
    }
  }

  /// False when whoever else has written to the loop should be looked at before another handler
  /// begins, above all those who will be refused.
  private var mayBeginNow: Bool {
    guard clock &- busySince > core.overloadAfter else { return true }
    openTurn()
    return ready.isEmpty && clock &- turnBegan < core.turnNanoseconds
  }

  /// A call's handler could begin.
  func enter(_ call: ServerCall, of connection: ServerConnection) -> Entry {
    if call.queue != nil { return enterStream(call) }
    if core.isAlwaysAdmitted(call.route) {
      admission.startAnyway()
      return .begins
    }
    lastID &+= 1
    switch admission.arrive(lastID, core.ranks[call.route], clock) {
    case .start:
      if mayBeginNow { return .begins }
      postpone(call)
      return .waits
    case .refuse:
      core.bounds.add(.queue)
      return .refused
    case .wait(let instead):
      call.waitingID = lastID
      waiters[lastID] = Waiter(connection: connection, stream: call.stream)
      if let instead { refuse(instead, .queue) }
      publish()
      lookAgain()
      return .waits
    }
  }

  private func enterStream(_ call: ServerCall) -> Entry {
    if core.isAlwaysAdmitted(call.route) { return .begins }
    guard admission.takeStream() else {
      core.bounds.add(.streamsInFlight)
      return .refused
    }
    if mayBeginNow { return .begins }
    postpone(call)
    readyStreams.insert(lastID)
    return .waits
  }

  /// A call that waits has ended.
  func forget(_ id: UInt64) {
    admission.forget(id)
    waiters[id] = nil
    publish()
  }

  /// A handler has ended.
  func ended(_ route: Int, _ length: Length) {
    switch length {
    case .untold:
      admission.end(took: 0, slowness: nil, clock)
    case .whole(let took):
      admission.end(took: took, slowness: eases[route].note(took, clock), clock)
      limitFigure.store(admission.limit, ordering: .relaxed)
    case .cut(let took):
      let slowness = eases[route].slowness(took)
      admission.end(
        took: took, slowness: slowness > core.settings.admission.tolerance ? slowness : nil, clock)
      limitFigure.store(admission.limit, ordering: .relaxed)
    case .stream:
      if !core.isAlwaysAdmitted(route) { admission.leaveStream() }
    }
    if !waiters.isEmpty { startWaiting() }
  }

  private func startWaiting() {
    guard !isStarting else { return }
    isStarting = true
    let now = tick()
    for id in admission.overdue(now) { refuse(id, .queueTime) }
    while let next = admission.next(now) {
      if mayBeginNow { begin(next.id) } else { makeReady(next.id, next.rank) }
    }
    isStarting = false
    publish()
    lookAgain()
  }

  /// Begins the handler of a call that has been given a place.
  private func begin(_ id: UInt64) {
    let isStream = readyStreams.remove(id) != nil
    if let waiter = waiters.removeValue(forKey: id), waiter.connection.begin(waiter.stream) {
      return runHandlers()
    }
    if isStream { admission.leaveStream() } else { givePlaceBack() }
  }

  /// A place of a call of one answer was not used after all.
  func givePlaceBack() {
    admission.end(took: 0, slowness: nil, clock)
  }

  /// Lets a call that has a place begin in one of the next turns.
  private func postpone(_ call: ServerCall) {
    lastID &+= 1
    call.waitingID = lastID
    waiters[lastID] = Waiter(connection: call.connection, stream: call.stream)
    makeReady(lastID, core.ranks[call.route])
  }

  private func makeReady(_ id: UInt64, _ rank: Criticality) {
    ready.append(id, rank)
    guard !isReadyScheduled else { return }
    isReadyScheduled = true
    loop.execute { self.runReady() }
  }

  /// Begins handlers for the length of a turn, and goes on after the sockets have been looked at.
  private func runReady() {
    turnBegan = tick()
    var begun: Int64 = 0
    while clock &- turnBegan < core.turnNanoseconds, let id = ready.popFirst() {
      begin(id)
      begun &+= 1
      _ = tick()
    }
    ready.note(begun, took: clock &- turnBegan)
    publish()
    isReadyScheduled = !ready.isEmpty
    guard isReadyScheduled else { return }
    // Behind what those just begun have to say. Whatever is only executed comes before any socket.
    loop.execute { self.loop.scheduleTask(in: Self.breath) { self.runReady() } }
  }

  private func refuse(_ id: UInt64, _ bound: ServerBound) {
    guard let waiter = waiters.removeValue(forKey: id) else { return }
    core.bounds.add(bound)
    waiter.connection.refuseWaiting(waiter.stream)
  }

  private func publish() {
    queueFigure.store(waiters.count, ordering: .relaxed)
  }

  private func lookAgain() {
    guard let moment = admission.lookAgain(clock) else { return }
    guard moment < lookAt else { return }
    look?.cancel()
    lookAt = moment
    look = loop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(clamping: moment))) {
      self.lookAt = .max
      self.startWaiting()
    }
  }

  // MARK: Handlers

  /// The handler of a call with a place begins before this turn ends.
  func add(_ call: ServerCall) {
    batch.calls.append(call)
  }

  /// Begins the handlers of the calls added: all in one task for as long as none of them waits,
  /// because to make one costs as much as to read a request.
  func runHandlers() {
    guard !batch.isRunning else { return }
    batch.isRunning = true
    while batch.next < batch.calls.count {
      if isTurnOver {
        postponeHandlers()
        break
      }
      let first = batch.next
      batch.task &+= 1
      let number = batch.task
      let task = Task.immediate(executorPreference: executor) {
        while let work = self.takeWork(number) { await work() }
      }
      // Whoever waits keeps the task to the end; it is cancelled with its call.
      batch.task &+= 1
      if batch.next > first, batch.calls[batch.next - 1].phase == .running {
        batch.calls[batch.next - 1].task = task
      }
    }
    batch.clear()
  }

  /// What the next call has to do, for the task that has this number; nil when it shall end.
  private func takeWork(_ number: UInt64) -> UnaryWork? {
    guard number == batch.task else { return nil }
    while batch.next < batch.calls.count, !isTurnOver {
      let call = batch.calls[batch.next]
      batch.next &+= 1
      // Its caller may have gone within the turn.
      guard call.phase == .waiting, let work = call.work else {
        givePlaceBack()
        continue
      }
      if !core.isAlwaysAdmitted(call.route), call.connection.isStuffed(clock) {
        givePlaceBack()
        call.connection.park(call)
        continue
      }
      call.connection.start(call)
      return work
    }
    return nil
  }

  private var isTurnOver: Bool {
    isInTurn && clock &- busySince > core.overloadAfter
      && clock &- turnBegan >= core.turnNanoseconds
  }

  private func postponeHandlers() {
    for call in batch.calls[batch.next...] {
      if call.phase == .waiting { postpone(call) } else { givePlaceBack() }
    }
  }

  // MARK: Bytes

  /// What a connection may hold when all the others' share is taken.
  private static let smallHolding = 64 << 10

  /// Notes how many bytes more, or fewer, requests hold that have not begun. Returns false when
  /// they are too many: all together, or half of them of one connection. An eighth of what there may
  /// be is kept for connections that hold little.
  func hold(_ bytes: Int, heldByConnection: Int) -> Bool {
    heldBytes += bytes
    let most = core.heldBytesPerLoop
    guard bytes > 0, heldBytes > most / 2 else { return true }
    if heldByConnection <= Self.smallHolding { return heldBytes <= most }
    return heldByConnection <= most / 2 && heldBytes <= most - most / 8
  }
}
