/// The pool without any I/O: who waits, which connection a call goes to, and when a connection is
/// opened. Events go in, actions come out; every event is defined in every state, and what does not
/// fit, such as news of a connection that is long gone, changes nothing.
///
/// Reads share: they spread over `readConnectionsMax` connections, then queue behind one another.
/// Writes and transactions want a connection for themselves, since a commit waits for its own flush
/// to disk; only when none is free and none can be opened does a write go behind reads, and then
/// nothing goes behind the write. The last `connectionsReserved` places are for critical calls
/// alone.
struct PoolMachine<Waiter: AnyObject> {
  typealias Instant = ContinuousClock.Instant

  /// What happened.
  enum Event {
    /// A call wants a connection.
    case asked(Waiter, CallLoad, deadline: Instant)
    /// It does not want one any more.
    case withdrawn(Waiter)
    /// A step of an open transaction was sent on the connection it has.
    case engaged(CallLoad, Lease)
    case connected(Lease)
    /// An attempt to connect failed.
    /// - `isRoundOver`: each host was tried, so that a pause is due.
    case failed(Lease, isRoundOver: Bool)
    case lost(Lease)
    /// A call's Sync was read.
    case finished(CallLoad, Lease)
    /// A transaction gave its connection back.
    case released(Lease)
    /// The thread is about to sleep: time to hand out what came free and to open what is missing.
    case turned
    /// Deadlines may have passed.
    case swept
    case closed
  }

  /// What is to be done about it.
  enum Action {
    case open(Lease)
    case send(Waiter, CallLoad, Lease, waited: Duration)
    case refuse(Waiter, Refusal)
  }

  /// Why a call got no connection.
  enum Refusal { case queueFull, noConnection, deadlineExceeded, withdrawn, closed }

  enum Phase: Hashable { case empty, connecting, ready }

  struct Slot: Hashable {
    var phase = Phase.empty
    /// Told apart from an earlier connection in the same place.
    var generation: UInt64 = 0
    var reads = 0
    var writes = 0
    var statements = 0
    var bytes = 0
    var isReserved = false

    var isFree: Bool { phase == .ready && !isReserved && reads == 0 && writes == 0 }
    var isReading: Bool { phase == .ready && !isReserved && reads > 0 && writes == 0 }
  }

  struct Waiting {
    let waiter: Waiter
    let load: CallLoad
    let since: Instant
    let deadline: Instant
  }

  let bounds: PoolBounds
  private(set) var slots: [Slot]
  /// Who waits, by `CallLoad.line`.
  private(set) var lines = [Ring<Waiting>(), Ring<Waiting>(), Ring<Waiting>()]
  private(set) var isClosed = false
  private(set) var readyCount = 0
  private(set) var connectingCount = 0
  private(set) var connectNotBefore: Instant
  private(set) var connectPause: Duration
  private var jitter: Jitter

  init(bounds: PoolBounds, now: Instant, seed: UInt64) {
    self.bounds = bounds
    slots = Array(repeating: Slot(), count: bounds.connections + bounds.reserved)
    connectNotBefore = now
    connectPause = bounds.pauseMin
    jitter = Jitter(state: seed)
  }

  mutating func handle(_ event: Event, now: Instant, _ actions: inout [Action]) {
    switch event {
    case .asked(let waiter, let load, let deadline):
      ask(Waiting(waiter: waiter, load: load, since: now, deadline: deadline), now, &actions)
    case .withdrawn(let waiter):
      withdraw(&actions) { $0.waiter === waiter }
    case .engaged(let load, let lease):
      if holds(lease), slots[lease.slot].phase == .ready { count(load, on: lease.slot) }
    case .connected(let lease): connect(lease)
    case .failed(let lease, let isRoundOver):
      guard holds(lease), slots[lease.slot].phase == .connecting else { return }
      empty(lease.slot)
      if isRoundOver { pause(now) }
    case .lost(let lease):
      if holds(lease) { empty(lease.slot) }
    case .finished(let load, let lease): finish(load, lease)
    case .released(let lease):
      if holds(lease) { slots[lease.slot].isReserved = false }
    case .turned: turn(now, &actions)
    case .swept: expire(now, &actions)
    case .closed:
      isClosed = true
      for line in lines.indices {
        for left in lines[line].removeAll() { actions.append(.refuse(left.waiter, .closed)) }
      }
    }
  }

  // MARK: Calls

  private mutating func ask(_ call: Waiting, _ now: Instant, _ actions: inout [Action]) {
    guard !isClosed else {
      actions.append(.refuse(call.waiter, .closed))
      return
    }
    let line = call.load.line
    // What came first goes first, unless nobody waits.
    if lines[line].isEmpty, let slot = place(for: call.load, now) {
      send(call, slot, now, &actions)
      return
    }
    let waiting =
      line == CallLoad.criticalLine
      ? lines[line].count : lines[CallLoad.readLine].count + lines[CallLoad.writeLine].count
    guard waiting < bounds.waiters else {
      actions.append(.refuse(call.waiter, readyCount == 0 ? .noConnection : .queueFull))
      return
    }
    lines[line].append(call)
  }

  private mutating func send(
    _ call: Waiting, _ slot: Int, _ now: Instant, _ actions: inout [Action]
  ) {
    count(call.load, on: slot)
    if call.load.kind == .reservation { slots[slot].isReserved = true }
    actions.append(
      .send(call.waiter, call.load, lease(slot), waited: max(.zero, now - call.since)))
  }

  private mutating func count(_ load: CallLoad, on slot: Int) {
    slots[slot].statements += load.statements
    slots[slot].bytes += load.bytes
    if load.kind == .read { slots[slot].reads += 1 } else { slots[slot].writes += 1 }
  }

  private mutating func finish(_ load: CallLoad, _ lease: Lease) {
    guard holds(lease), slots[lease.slot].phase == .ready else { return }
    let slot = lease.slot
    slots[slot].statements = max(0, slots[slot].statements - load.statements)
    slots[slot].bytes = max(0, slots[slot].bytes - load.bytes)
    if load.kind == .read {
      slots[slot].reads = max(0, slots[slot].reads - 1)
    } else {
      slots[slot].writes = max(0, slots[slot].writes - 1)
    }
  }

  private mutating func withdraw(_ actions: inout [Action], where leaves: (Waiting) -> Bool) {
    for line in lines.indices where !lines[line].isEmpty {
      for left in lines[line].removeAll(where: leaves) {
        actions.append(.refuse(left.waiter, .withdrawn))
      }
    }
  }

  /// Lets go who waited as long as one may. While a connection is being opened, or none is there,
  /// that is longer than when all are busy.
  private mutating func expire(_ now: Instant, _ actions: inout [Action]) {
    let isComing = readyCount == 0 || connectingCount > 0
    let longest = isComing ? max(bounds.queueWait, bounds.connectionWait) : bounds.queueWait
    let refusal = readyCount == 0 ? Refusal.noConnection : .queueFull
    for line in lines.indices where !lines[line].isEmpty {
      for left in lines[line].removeAll(where: {
        $0.deadline <= now || $0.since + longest <= now
      }) {
        let isLate = left.deadline <= now && readyCount > 0
        actions.append(.refuse(left.waiter, isLate ? .deadlineExceeded : refusal))
      }
    }
  }

  // MARK: Places

  /// Where a call goes now; nil lets it wait.
  private func place(for load: CallLoad, _ now: Instant) -> Int? {
    var free: Int?
    var shared: Int?
    var readingCount = 0
    for index in 0..<bounds.connections {
      let slot = slots[index]
      if slot.isFree {
        free = free ?? index
      } else if slot.isReading {
        readingCount += 1
        if fits(load, slot), shared.map({ slots[$0].reads > slot.reads }) ?? true { shared = index }
      }
    }
    if load.isCritical { return free ?? placeKept(for: load, orBehind: shared, now) }
    switch load.kind {
    case .read:
      if let free, readingCount < bounds.readConnections { return free }
      return shared ?? free
    case .write:
      if let free { return free }
      return mayOpen(in: 0..<bounds.connections, now) ? nil : shared
    case .reservation: return free
    }
  }

  /// A critical call's place when no ordinary connection is free: behind other critical reads at
  /// worst, since what others read may take as long as it likes.
  private func placeKept(for load: CallLoad, orBehind shared: Int?, _ now: Instant) -> Int? {
    let kept = bounds.connections..<slots.count
    if let free = kept.first(where: { slots[$0].isFree }) { return free }
    if load.kind == .reservation { return nil }
    if load.kind == .read, let behind = kept.first(where: { isBehindReads(load, slots[$0]) }) {
      return behind
    }
    if mayOpen(in: kept, now) || kept.contains(where: { slots[$0].phase == .ready }) { return nil }
    return load.kind == .read ? shared : nil
  }

  private func isBehindReads(_ load: CallLoad, _ slot: Slot) -> Bool {
    slot.isReading && fits(load, slot)
  }

  /// A call alone on its connection fits whatever its size, or it could never run.
  private func fits(_ load: CallLoad, _ slot: Slot) -> Bool {
    slot.statements + load.statements <= bounds.statements
      && slot.bytes + load.bytes <= bounds.bytes
  }

  /// Whether another connection is coming or may be opened now.
  private func mayOpen(in places: Range<Int>, _ now: Instant) -> Bool {
    let isAllowed = now >= connectNotBefore && !isClosed
    return slots[places].contains {
      $0.phase == .connecting || (isAllowed && $0.phase == .empty)
    }
  }

  // MARK: Connections

  private func lease(_ slot: Int) -> Lease {
    Lease(slot: slot, generation: slots[slot].generation)
  }

  /// Whether a lease is of the connection that is in its place now.
  private func holds(_ lease: Lease) -> Bool {
    slots.indices.contains(lease.slot) && slots[lease.slot].generation == lease.generation
      && slots[lease.slot].phase != .empty
  }

  private mutating func connect(_ lease: Lease) {
    guard holds(lease), slots[lease.slot].phase == .connecting else { return }
    slots[lease.slot].phase = .ready
    connectingCount -= 1
    readyCount += 1
    connectPause = bounds.pauseMin
  }

  private mutating func empty(_ slot: Int) {
    if slots[slot].phase == .ready { readyCount -= 1 } else { connectingCount -= 1 }
    slots[slot] = Slot(generation: slots[slot].generation)
  }

  /// Several attempts that fail together make one pause.
  private mutating func pause(_ now: Instant) {
    guard now >= connectNotBefore else { return }
    connectNotBefore = now + connectPause * Double.random(in: 0.5...1, using: &jitter)
    connectPause = min(connectPause * 2, bounds.pauseMax)
  }

  private mutating func turn(_ now: Instant, _ actions: inout [Action]) {
    if !isClosed, now >= connectNotBefore { openWanted(&actions) }
    for line in lines.indices {
      while let call = lines[line].first, let slot = place(for: call.load, now) {
        lines[line].popFirst()
        send(call, slot, now, &actions)
      }
    }
  }

  /// Opens the warm minimum, one for each waiting write, room for reads to spread, and a kept one
  /// for critical calls that wait.
  private mutating func openWanted(_ actions: inout [Action]) {
    if readyCount + connectingCount < slots.count {
      let ordinary = 0..<bounds.connections
      while let slot = ordinary.first(where: { slots[$0].phase == .empty }), wantsConnection {
        open(slot, &actions)
      }
      let kept = bounds.connections..<slots.count
      let isComing = slots[kept].contains { $0.phase == .connecting }
      if !lines[CallLoad.criticalLine].isEmpty, !isComing,
        let slot = kept.first(where: { slots[$0].phase == .empty })
      {
        open(slot, &actions)
      }
    }
  }

  private mutating func open(_ slot: Int, _ actions: inout [Action]) {
    slots[slot] = Slot(phase: .connecting, generation: slots[slot].generation &+ 1)
    connectingCount += 1
    actions.append(.open(lease(slot)))
  }

  private var wantsConnection: Bool {
    var ready = 0
    var connecting = 0
    var reading = 0
    var hasFree = false
    for slot in slots[..<bounds.connections] {
      switch slot.phase {
      case .empty: continue
      case .connecting: connecting += 1
      case .ready: ready += 1
      }
      if slot.isFree { hasFree = true }
      if slot.isReading { reading += 1 }
    }
    if ready + connecting < bounds.warm { return true }
    if lines[CallLoad.writeLine].count > connecting { return true }
    if !lines[CallLoad.readLine].isEmpty, connecting == 0 { return true }
    // Reads would like one more to spread over.
    return !hasFree && connecting == 0 && reading > 0 && reading < bounds.readConnections
  }

  // MARK: What it knows

  /// Calls that wait.
  var waitingCount: Int { lines[0].count + lines[1].count + lines[2].count }

  /// Whether an open transaction holds a connection.
  var hasReservation: Bool { slots.contains { $0.isReserved } }

  /// Whether a connection is to be opened as soon as the pause is over.
  var isShort: Bool {
    slots[..<bounds.connections].count { $0.phase == .ready } < bounds.warm
  }
}
