import Testing

@testable import Postgres

/// Random orders of events, given to the pool and to a model of it that is written plainly.
@Suite struct PoolMachineTests {
  /// One event, told without reference to a state, so that an order stays one when some of its
  /// events are left out.
  enum Move: CustomStringConvertible {
    case ask(CallLoad, patience: Int)
    case withdraw(Int)
    case engage(Int)
    case connect(Int)
    case fail(Int, isRoundOver: Bool)
    case lose(Int)
    case finish(Int)
    case release(Int)
    /// News of a connection that is long gone.
    case stale(Int)
    case turn, sweep, close
    case wait(Int)

    var description: String {
      switch self {
      case .ask(let load, let patience):
        "ask(\(load.kind), \(load.statements), \(load.bytes), \(load.isCritical), \(patience))"
      case .withdraw(let index): "withdraw(\(index))"
      case .engage(let place): "engage(\(place))"
      case .connect(let place): "connect(\(place))"
      case .fail(let place, let isRoundOver): "fail(\(place), \(isRoundOver))"
      case .lose(let place): "lose(\(place))"
      case .finish(let index): "finish(\(index))"
      case .release(let place): "release(\(place))"
      case .stale(let place): "stale(\(place))"
      case .turn: "turn"
      case .sweep: "sweep"
      case .close: "close"
      case .wait(let milliseconds): "wait(\(milliseconds))"
      }
    }

    static func random(_ random: inout Jitter) -> Move {
      let number = Int.random(in: 0..<12, using: &random)
      switch Int.random(in: 0..<40, using: &random) {
      case 0..<12:
        let kind: CallLoad.Kind = number < 6 ? .read : number < 9 ? .write : .reservation
        return .ask(
          CallLoad(
            kind: kind, statements: Int.random(in: 1...5, using: &random),
            bytes: Int.random(in: 0...60, using: &random),
            isCritical: Int.random(in: 0..<4, using: &random) == 0),
          patience: Int.random(in: 0...300, using: &random))
      case 12: return .withdraw(number)
      case 13: return .engage(number)
      case 14..<20: return .connect(number)
      case 20: return .fail(number, isRoundOver: number.isMultiple(of: 2))
      case 21: return .lose(number)
      case 22..<29: return .finish(number)
      case 29, 30: return .release(number)
      case 31: return .stale(number)
      case 32..<37: return .turn
      case 37: return .sweep
      case 38: return number == 0 ? .close : .turn
      default: return .wait(Int.random(in: 1...200, using: &random))
      }
    }
  }

  private static func bounds(_ random: inout Jitter) -> PoolBounds {
    var settings = DatabaseSettings(connection: "")
    settings.connectionsMax = Int.random(in: 1...4, using: &random)
    settings.connectionsReserved = Int.random(in: 0...2, using: &random)
    settings.connectionsMin = Int.random(in: 0...2, using: &random)
    settings.readConnectionsMax = Int.random(in: 1...3, using: &random)
    settings.waitersMax = Int.random(in: 0...4, using: &random)
    settings.pipelineStatementsMax = Int.random(in: 2...12, using: &random)
    settings.pipelineBytesMax = Int.random(in: 10...100, using: &random)
    return PoolBounds(settings)
  }

  /// Pool and model side by side.
  private struct Pair {
    var pool: PoolMachine<Ticket>
    var model: PoolModel
    var tickets: [Int: Ticket] = [:]
    var now = ContinuousClock.now
    var count = 0

    init(seed: UInt64) {
      var random = Jitter(state: seed)
      let bounds = PoolMachineTests.bounds(&random)
      pool = PoolMachine(bounds: bounds, now: now, seed: seed)
      model = PoolModel(bounds: bounds, now: now, seed: seed)
    }

    private mutating func tell(_ event: PoolMachine<Ticket>.Event) -> [Deed] {
      var actions: [PoolMachine<Ticket>.Action] = []
      pool.handle(event, now: now, &actions)
      return actions.map(Deed.init)
    }

    /// - Returns: what differs.
    mutating func make(_ move: Move) -> String? {
      let (did, ought) = both(move)
      if did != ought { return "\(move): it did \(did), and ought to do \(ought)" }
      for (index, place) in model.places.enumerated() {
        let slot = pool.slots[index]
        let reads = place.calls.count { $0.kind == .read }
        guard slot.phase == place.phase, slot.generation == place.generation,
          slot.isReserved == place.isReserved, slot.reads == reads,
          slot.writes == place.calls.count - reads,
          slot.statements == place.calls.map(\.statements).reduce(0, +),
          slot.bytes == place.calls.map(\.bytes).reduce(0, +)
        else { return "\(move): \(slot), and ought to be \(place)" }
      }
      let connecting = model.places.count { $0.phase == .connecting }
      guard pool.readyCount == model.ready, pool.connectingCount == connecting,
        pool.waitingCount == model.waiting.count
      else { return "\(move): false counts" }
      return nil
    }

    private mutating func both(_ move: Move) -> (did: [Deed], ought: [Deed]) {
      switch move {
      case .ask(let load, let patience):
        count += 1
        let ticket = Ticket(count)
        tickets[count] = ticket
        let deadline = now + .milliseconds(patience)
        let call = PoolModel.Waiting(id: count, load: load, since: now, deadline: deadline)
        return (tell(.asked(ticket, load, deadline: deadline)), model.ask(call, now))
      case .withdraw(let index):
        let id = model.waiting.isEmpty ? 0 : model.waiting[index % model.waiting.count].id
        return (tell(.withdrawn(tickets[id] ?? Ticket(0))), model.withdraw(id))
      case .turn: return (tell(.turned), model.turn(now))
      case .sweep: return (tell(.swept), model.sweep(now))
      case .close: return (tell(.closed), model.close())
      case .wait(let milliseconds):
        now += .milliseconds(milliseconds)
        return ([], [])
      case .finish(let index): return (finish(index), [])
      case .engage(let place), .connect(let place), .fail(let place, _), .lose(let place),
        .release(let place), .stale(let place):
        return (aboutConnection(move, place % model.places.count), [])
      }
    }

    private mutating func finish(_ index: Int) -> [Deed] {
      let busy = model.places.indices.filter { !model.places[$0].calls.isEmpty }
      guard !busy.isEmpty else {
        return tell(
          .finished(CallLoad(kind: .read, statements: 3, bytes: 3), model.lease(0)))
      }
      let place = busy[index % busy.count]
      let load = model.places[place].calls.remove(at: index % model.places[place].calls.count)
      return tell(.finished(load, model.lease(place)))
    }

    private mutating func aboutConnection(_ move: Move, _ place: Int) -> [Deed] {
      let lease = model.lease(place)
      switch move {
      case .engage:
        let load = CallLoad(kind: .write, statements: 2, bytes: 5)
        if model.places[place].phase == .ready { model.places[place].calls.append(load) }
        return tell(.engaged(load, lease))
      case .connect:
        model.connect(place)
        return tell(.connected(lease))
      case .fail(_, let isRoundOver):
        model.fail(place, isRoundOver: isRoundOver, now)
        return tell(.failed(lease, isRoundOver: isRoundOver))
      case .lose:
        model.empty(place)
        return tell(.lost(lease))
      case .release:
        model.places[place].isReserved = false
        return tell(.released(lease))
      default:
        let gone = Lease(slot: place, generation: lease.generation &- 1)
        let load = CallLoad(kind: .write, statements: 1, bytes: 1)
        return tell(.connected(gone)) + tell(.lost(gone)) + tell(.finished(load, gone))
          + tell(.engaged(load, gone)) + tell(.released(gone))
          + tell(.failed(Lease(slot: 99, generation: 0), isRoundOver: true))
      }
    }
  }

  /// - Returns: where pool and model part, if they do.
  private static func difference(_ moves: [Move], seed: UInt64) -> String? {
    var pair = Pair(seed: seed)
    for move in moves {
      if let difference = pair.make(move) { return difference }
    }
    return nil
  }

  /// Leaves out what a failing order does not need.
  private static func shrink(_ moves: [Move], seed: UInt64) -> [Move] {
    var moves = moves
    var length = moves.count / 2
    while length > 0 {
      var start = 0
      while start < moves.count {
        var fewer = moves
        fewer.removeSubrange(start..<min(start + length, moves.count))
        if difference(fewer, seed: seed) != nil { moves = fewer } else { start += length }
      }
      length /= 2
    }
    return moves
  }

  @Test(
    "a hundred thousand random orders of events: the pool does what its model does",
    .serialized, arguments: 0..<50)
  func randomOrders(part: UInt64) async {
    for order in 0..<2000 {
      // Other tests wait for the same two or three threads.
      if order.isMultiple(of: 10) { await Task.yield() }
      let seed = part * 1_000_003 + UInt64(order)
      var random = Jitter(state: seed ^ 0x5EED)
      let moves = (0..<18).map { _ in Move.random(&random) }
      guard Self.difference(moves, seed: seed) != nil else { continue }
      let short = Self.shrink(moves, seed: seed)
      Issue.record(
        "seed \(seed), \(short): \(Self.difference(short, seed: seed) ?? "")")
      return
    }
  }

  @Test(
    "long orders reach full lines, pauses and reserved connections", .serialized,
    arguments: 0..<20)
  func longOrders(seed: UInt64) async {
    await Task.yield()
    var random = Jitter(state: seed)
    let moves = (0..<2000).map { _ in Move.random(&random) }.filter {
      if case .close = $0 { false } else { true }
    }
    guard Self.difference(moves, seed: seed) != nil else { return }
    let short = Self.shrink(moves, seed: seed)
    Issue.record("seed \(seed), \(short): \(Self.difference(short, seed: seed) ?? "")")
  }

  @Test("however many reads come, a transaction gets a connection", arguments: 2...8)
  func transactionAmongReads(connections: Int) {
    var settings = DatabaseSettings(connection: "")
    settings.connectionsMax = connections
    settings.connectionsReserved = 0
    let now = ContinuousClock.now
    var pool = PoolMachine<Ticket>(bounds: PoolBounds(settings), now: now, seed: 1)
    func tell(_ event: PoolMachine<Ticket>.Event) -> [Deed] {
      var actions: [PoolMachine<Ticket>.Action] = []
      pool.handle(event, now: now, &actions)
      return actions.map(Deed.init)
    }
    func ask(_ id: Int, _ kind: CallLoad.Kind) -> [Deed] {
      let load = CallLoad(kind: kind, statements: 1, bytes: 1)
      return tell(.asked(Ticket(id), load, deadline: now + .seconds(5)))
    }
    /// Connects what is opened, until nothing more is.
    func settle() -> [Deed] {
      var sent: [Deed] = []
      while case let deeds = tell(.turned), !deeds.isEmpty {
        for deed in deeds {
          if case .open(let lease) = deed {
            sent += tell(.connected(lease))
          } else {
            sent.append(deed)
          }
        }
      }
      return sent
    }
    // None of them ends.
    for id in 0..<4 * connections {
      _ = ask(id, .read)
      _ = settle()
    }
    let deeds = ask(-1, .reservation) + settle()
    #expect(deeds.contains { if case .send(-1, _, _) = $0 { true } else { false } })
    // A pool of one has that for both.
    settings.connectionsMax = 1
    #expect(PoolBounds(settings).readConnections == 1)
  }

  @Test("an order that fails is found, and shrunk to what it needs")
  func plantedFault() {
    // The model is told of a call that the pool never saw, as if the pool had lost it.
    var random = Jitter(state: 3)
    let moves = (0..<40).map { _ in Move.random(&random) }
    var pair = Pair(seed: 3)
    pair.model.waiting.append(
      .init(
        id: -1, load: CallLoad(kind: .write, statements: 1, bytes: 0), since: pair.now,
        deadline: pair.now + .seconds(1)))
    #expect(moves.contains { pair.make($0) != nil })
  }

  @Test("a line gives back what went in, in order")
  func ring() {
    var random = Jitter(state: 5)
    var ring = Ring<Int>()
    var model: [Int] = []
    for number in 0..<20_000 {
      switch Int.random(in: 0..<5, using: &random) {
      case 0, 1, 2:
        ring.append(number)
        model.append(number)
      case 3:
        #expect(ring.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
      default:
        guard number.isMultiple(of: 50) else { continue }
        #expect(ring.removeAll { $0.isMultiple(of: 7) } == model.filter { $0.isMultiple(of: 7) })
        model.removeAll { $0.isMultiple(of: 7) }
      }
      #expect(ring.count == model.count && ring.first == model.first)
    }
    #expect(ring.removeAll() == model)
  }
}
