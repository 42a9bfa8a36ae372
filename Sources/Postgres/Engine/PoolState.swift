/// Which connection a call goes to: the pool's bookkeeping without any I/O, so that a model can be
/// tested against it. No event is forbidden in any state; what does not fit is ignored.
///
/// Reads share: they spread over `readConnectionsMax` connections, then queue behind one another.
/// Writes and transactions want a connection for themselves, since a commit waits for its own flush
/// to disk; only when none is free and none can be opened does a write go behind reads, and then
/// nothing goes behind the write.
struct PoolState: Sendable {
  enum Phase: Sendable { case empty, connecting, ready }

  /// What a call asks of a connection.
  struct Load: Sendable, Hashable {
    var kind: Kind
    var statements: Int
    var bytes: Int

    enum Kind: Sendable { case read, write, reservation }
  }

  struct Slot: Sendable {
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

  enum Placement: Sendable, Hashable {
    /// Send it there.
    case slot(Int)
    /// Let it wait.
    case wait
  }

  private(set) var slots: [Slot]
  let readConnectionsMax: Int
  let statementsMax: Int
  let bytesMax: Int

  init(settings: DatabaseSettings) {
    slots = Array(repeating: Slot(), count: max(1, settings.connectionsMax))
    readConnectionsMax = max(1, settings.readConnectionsMax)
    statementsMax = max(1, settings.pipelineStatementsMax)
    bytesMax = max(1, settings.pipelineBytesMax)
  }

  /// Where a call goes now.
  /// - Parameter mayOpen: whether another connection may be opened or is being opened; then a write
  ///   waits for it instead of going behind reads.
  func placement(of load: Load, mayOpen: Bool) -> Placement {
    var free: Int?
    var shared: Int?
    var readingCount = 0
    for (index, slot) in slots.enumerated() {
      if slot.isFree {
        free = free ?? index
      } else if slot.isReading {
        readingCount += 1
        if fits(load, slot), shared.map({ slots[$0].reads > slot.reads }) ?? true { shared = index }
      }
    }
    switch load.kind {
    case .read:
      if let free, readingCount < readConnectionsMax { return .slot(free) }
      return (shared ?? free).map(Placement.slot) ?? .wait
    case .write:
      if let free { return .slot(free) }
      return mayOpen ? .wait : shared.map(Placement.slot) ?? .wait
    case .reservation:
      return free.map(Placement.slot) ?? .wait
    }
  }

  /// A call alone on its connection fits whatever its size, or it could never run.
  private func fits(_ load: Load, _ slot: Slot) -> Bool {
    slot.statements + load.statements <= statementsMax && slot.bytes + load.bytes <= bytesMax
  }

  /// Whether reads would like one more connection than there are.
  var readsWantMore: Bool {
    var reading = 0
    for slot in slots {
      if slot.isFree || slot.phase == .connecting { return false }
      if slot.isReading { reading += 1 }
    }
    return reading > 0 && reading < readConnectionsMax
  }

  func count(_ phase: Phase) -> Int { slots.count { $0.phase == phase } }

  /// A place for one more connection.
  var emptySlot: Int? { slots.firstIndex { $0.phase == .empty } }

  // MARK: Events

  mutating func startedConnecting(_ index: Int) {
    guard slots.indices.contains(index), slots[index].phase == .empty else { return }
    slots[index] = Slot(phase: .connecting, generation: slots[index].generation &+ 1)
  }

  mutating func connected(_ index: Int) {
    guard slots.indices.contains(index), slots[index].phase == .connecting else { return }
    slots[index].phase = .ready
  }

  mutating func lost(_ index: Int) {
    guard slots.indices.contains(index) else { return }
    slots[index] = Slot(phase: .empty, generation: slots[index].generation)
  }

  mutating func sent(_ load: Load, to index: Int) {
    guard slots.indices.contains(index), slots[index].phase == .ready else { return }
    slots[index].statements += load.statements
    slots[index].bytes += load.bytes
    switch load.kind {
    case .read: slots[index].reads += 1
    case .write: slots[index].writes += 1
    case .reservation:
      slots[index].writes += 1
      slots[index].isReserved = true
    }
  }

  mutating func finished(_ load: Load, on index: Int) {
    guard slots.indices.contains(index), slots[index].phase == .ready else { return }
    slots[index].statements = max(0, slots[index].statements - load.statements)
    slots[index].bytes = max(0, slots[index].bytes - load.bytes)
    if load.kind == .read {
      slots[index].reads = max(0, slots[index].reads - 1)
    } else {
      slots[index].writes = max(0, slots[index].writes - 1)
    }
  }

  mutating func released(_ index: Int) {
    guard slots.indices.contains(index) else { return }
    slots[index].isReserved = false
  }
}
