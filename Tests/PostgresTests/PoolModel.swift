@testable import Postgres

/// Somebody who waits for a connection.
final class Ticket {
  let id: Int
  init(_ id: Int) { self.id = id }
}

/// What a pool did, in a form that can be compared.
enum Deed: Equatable {
  case open(Lease)
  case send(Int, Lease, waited: Duration)
  case refuse(Int, PoolMachine<Ticket>.Refusal)

  init(_ action: PoolMachine<Ticket>.Action) {
    switch action {
    case .open(let lease): self = .open(lease)
    case .send(let ticket, _, let lease, let waited): self = .send(ticket.id, lease, waited: waited)
    case .refuse(let ticket, let refusal): self = .refuse(ticket.id, refusal)
    }
  }
}

/// The pool's rules written a second time, as plainly as can be: lists instead of counters, and no
/// thought of speed.
struct PoolModel {
  struct Place {
    var phase = PoolMachine<Ticket>.Phase.empty
    var generation: UInt64 = 0
    var calls: [CallLoad] = []
    var isReserved = false

    var isFree: Bool { phase == .ready && !isReserved && calls.isEmpty }
    var isReading: Bool {
      phase == .ready && !isReserved && !calls.isEmpty && calls.allSatisfy { $0.kind == .read }
    }
  }

  struct Waiting {
    let id: Int
    let load: CallLoad
    let since: ContinuousClock.Instant
    let deadline: ContinuousClock.Instant
  }

  let bounds: PoolBounds
  var places: [Place]
  var waiting: [Waiting] = []
  var isClosed = false
  var pauseUntil: ContinuousClock.Instant
  var pause: Duration
  var jitter: Jitter

  init(bounds: PoolBounds, now: ContinuousClock.Instant, seed: UInt64) {
    self.bounds = bounds
    places = Array(repeating: Place(), count: bounds.connections + bounds.reserved)
    pauseUntil = now
    pause = bounds.pauseMin
    jitter = Jitter(state: seed)
  }

  var ordinary: Range<Int> { 0..<bounds.connections }
  var kept: Range<Int> { bounds.connections..<places.count }
  var ready: Int { places.count { $0.phase == .ready } }

  func lease(_ place: Int) -> Lease { Lease(slot: place, generation: places[place].generation) }

  private func fits(_ load: CallLoad, _ place: Int) -> Bool {
    let all = places[place].calls + [load]
    return all.map(\.statements).reduce(0, +) <= bounds.statements
      && all.map(\.bytes).reduce(0, +) <= bounds.bytes
  }

  private func mayOpen(_ range: Range<Int>, _ now: ContinuousClock.Instant) -> Bool {
    if places[range].contains(where: { $0.phase == .connecting }) { return true }
    return !isClosed && now >= pauseUntil && places[range].contains { $0.phase == .empty }
  }

  /// Where a call goes; nil lets it wait.
  func place(for load: CallLoad, _ now: ContinuousClock.Instant) -> Int? {
    let free = ordinary.first { places[$0].isFree }
    let reading = ordinary.filter { places[$0].isReading }
    let shared = reading.filter { fits(load, $0) }
      .min { places[$0].calls.count < places[$1].calls.count }
    if load.isCritical {
      if let free { return free }
      if let own = kept.first(where: { places[$0].isFree }) { return own }
      switch load.kind {
      case .reservation: return nil
      case .read:
        if let own = kept.first(where: { places[$0].isReading && fits(load, $0) }) { return own }
        let hopesForKept =
          mayOpen(kept, now) || kept.contains { places[$0].phase == .ready }
        return hopesForKept ? nil : shared
      case .write: return nil
      }
    }
    switch load.kind {
    case .read: return reading.count < bounds.readConnections ? free ?? shared : shared ?? free
    case .write: return free ?? (mayOpen(ordinary, now) ? nil : shared)
    case .reservation: return free
    }
  }

  private mutating func send(_ call: Waiting, to place: Int, _ now: ContinuousClock.Instant) -> Deed
  {
    places[place].calls.append(call.load)
    if call.load.kind == .reservation { places[place].isReserved = true }
    return .send(call.id, lease(place), waited: now - call.since)
  }

  mutating func ask(_ call: Waiting, _ now: ContinuousClock.Instant) -> [Deed] {
    if isClosed { return [.refuse(call.id, .closed)] }
    let isBehind = waiting.contains { $0.load.line == call.load.line }
    if !isBehind, let place = place(for: call.load, now) { return [send(call, to: place, now)] }
    let alike = waiting.count { $0.load.isCritical == call.load.isCritical }
    if alike >= bounds.waiters {
      return [.refuse(call.id, ready == 0 ? .noConnection : .queueFull)]
    }
    waiting.append(call)
    return []
  }

  /// Takes out who leaves, line by line.
  private mutating func takeOut(_ leaves: (Waiting) -> Bool) -> [Waiting] {
    let left = (0..<3).flatMap { line in waiting.filter { $0.load.line == line && leaves($0) } }
    waiting.removeAll { call in left.contains { $0.id == call.id } }
    return left
  }

  mutating func withdraw(_ id: Int) -> [Deed] {
    takeOut { $0.id == id }.map { .refuse($0.id, .withdrawn) }
  }

  mutating func close() -> [Deed] {
    isClosed = true
    return takeOut { _ in true }.map { .refuse($0.id, .closed) }
  }

  mutating func sweep(_ now: ContinuousClock.Instant) -> [Deed] {
    let isComing = ready == 0 || places.contains { $0.phase == .connecting }
    let longest = isComing ? max(bounds.queueWait, bounds.connectionWait) : bounds.queueWait
    return takeOut { $0.deadline <= now || $0.since + longest <= now }.map { call in
      if ready == 0 { return .refuse(call.id, .noConnection) }
      return .refuse(call.id, call.deadline <= now ? .deadlineExceeded : .queueFull)
    }
  }

  mutating func fail(_ place: Int, isRoundOver: Bool, _ now: ContinuousClock.Instant) {
    guard places[place].phase == .connecting else { return }
    empty(place)
    guard isRoundOver, now >= pauseUntil else { return }
    pauseUntil = now + pause * Double.random(in: 0.5...1, using: &jitter)
    pause = min(pause * 2, bounds.pauseMax)
  }

  mutating func empty(_ place: Int) {
    places[place] = Place(generation: places[place].generation)
  }

  mutating func connect(_ place: Int) {
    guard places[place].phase == .connecting else { return }
    places[place].phase = .ready
    pause = bounds.pauseMin
  }

  private mutating func open(_ place: Int) -> Deed {
    places[place] = Place(phase: .connecting, generation: places[place].generation + 1)
    return .open(lease(place))
  }

  private var wantsOrdinary: Bool {
    let own = places[ordinary]
    let connecting = own.count { $0.phase == .connecting }
    let reading = own.count { $0.isReading }
    return own.count { $0.phase != .empty } < bounds.warm
      || waiting.count { $0.load.line == CallLoad.writeLine } > connecting
      || (connecting == 0 && waiting.contains { $0.load.line == CallLoad.readLine })
      || (connecting == 0 && !own.contains { $0.isFree } && reading > 0
        && reading < bounds.readConnections)
  }

  mutating func turn(_ now: ContinuousClock.Instant) -> [Deed] {
    var deeds: [Deed] = []
    if !isClosed, now >= pauseUntil {
      while let place = ordinary.first(where: { places[$0].phase == .empty }), wantsOrdinary {
        deeds.append(open(place))
      }
      if waiting.contains(where: { $0.load.isCritical }),
        !kept.contains(where: { places[$0].phase == .connecting }),
        let place = kept.first(where: { places[$0].phase == .empty })
      {
        deeds.append(open(place))
      }
    }
    for line in 0..<3 {
      while let index = waiting.firstIndex(where: { $0.load.line == line }),
        let place = place(for: waiting[index].load, now)
      {
        deeds.append(send(waiting.remove(at: index), to: place, now))
      }
    }
    return deeds
  }
}
