import Testing

@testable import Postgres

/// Random events against the pool's bookkeeping and a plainly written model of what it promises.
@Suite struct PoolStateTests {
  private struct InFlight: Equatable {
    let slot: Int
    let generation: UInt64
    let load: PoolState.Load
  }

  private struct Model {
    var pool: PoolState
    var calls: [InFlight] = []
    var reserved: Set<Int> = []
    var random: Random
  }

  /// A small generator of our own, so that a failing seed can be run again.
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  private static func settings(_ random: inout Random) -> DatabaseSettings {
    var settings = DatabaseSettings(connection: "")
    settings.connectionsMax = Int.random(in: 1...6, using: &random)
    settings.readConnectionsMax = Int.random(in: 1...4, using: &random)
    settings.pipelineStatementsMax = Int.random(in: 2...12, using: &random)
    settings.pipelineBytesMax = Int.random(in: 10...100, using: &random)
    return settings
  }

  @Test("hundreds of thousands of random events break no promise", arguments: 0..<20)
  func randomEvents(seed: UInt64) {
    var random = Random(state: seed &* 977 &+ 13)
    var model = Model(pool: PoolState(settings: Self.settings(&random)), random: random)
    for _ in 0..<20_000 {
      Self.step(&model)
      guard Self.holds(model) else {
        Issue.record("seed \(seed): \(model.pool.slots)")
        return
      }
    }
  }

  private static func step(_ model: inout Model) {
    let slot = Int.random(in: -1...model.pool.slots.count, using: &model.random)
    switch Int.random(in: 0..<10, using: &model.random) {
    case 0: model.pool.startedConnecting(slot)
    case 1: model.pool.connected(slot)
    case 2 where Int.random(in: 0..<8, using: &model.random) == 0:
      model.pool.lost(slot)
      model.calls.removeAll { $0.slot == slot }
      model.reserved.remove(slot)
    case 3, 4, 5: send(&model)
    case 6, 7, 8:
      guard let index = model.calls.indices.randomElement(using: &model.random) else { return }
      let call = model.calls.remove(at: index)
      model.pool.finished(call.load, on: call.slot)
    default:
      guard let slot = model.reserved.randomElement(using: &model.random),
        !model.calls.contains(where: { $0.slot == slot })
      else { return }
      model.reserved.remove(slot)
      model.pool.released(slot)
    }
  }

  private static func send(_ model: inout Model) {
    let kind =
      [PoolState.Load.Kind.read, .write, .reservation]
      .randomElement(using: &model.random) ?? .read
    let load = PoolState.Load(
      kind: kind, statements: Int.random(in: 1...5, using: &model.random),
      bytes: Int.random(in: 0...60, using: &model.random))
    let mayOpen = Bool.random(using: &model.random)
    guard case .slot(let slot) = model.pool.placement(of: load, mayOpen: mayOpen) else { return }
    promise(load, mayOpen: mayOpen, slot: slot, model)
    model.pool.sent(load, to: slot)
    model.calls.append(
      InFlight(slot: slot, generation: model.pool.slots[slot].generation, load: load))
    if kind == .reservation { model.reserved.insert(slot) }
  }

  /// What a placement promises of the place it chose.
  private static func promise(_ load: PoolState.Load, mayOpen: Bool, slot: Int, _ model: Model) {
    let others = model.calls.filter { $0.slot == slot }
    #expect(model.pool.slots[slot].phase == .ready)
    #expect(!model.reserved.contains(slot))
    #expect(others.allSatisfy { $0.load.kind == .read }, "something goes behind a write")
    if load.kind == .reservation { #expect(others.isEmpty) }
    if load.kind == .write, mayOpen { #expect(others.isEmpty) }
    if !others.isEmpty {
      let statements = others.reduce(load.statements) { $0 + $1.load.statements }
      let bytes = others.reduce(load.bytes) { $0 + $1.load.bytes }
      #expect(statements <= model.pool.statementsMax && bytes <= model.pool.bytesMax)
    }
  }

  private static func holds(_ model: Model) -> Bool {
    for (index, slot) in model.pool.slots.enumerated() {
      let calls = model.calls.filter { $0.slot == index && $0.generation == slot.generation }
      guard calls.isEmpty || slot.phase == .ready,
        slot.reads == calls.count(where: { $0.load.kind == .read }),
        slot.writes == calls.count(where: { $0.load.kind != .read }),
        slot.statements == calls.reduce(0, { $0 + $1.load.statements }),
        slot.bytes == calls.reduce(0, { $0 + $1.load.bytes }),
        slot.isReserved == model.reserved.contains(index)
      else { return false }
    }
    return true
  }

  @Test("a line gives back what went in, in order")
  func ring() {
    var random = Random(state: 5)
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
