import CommonAPI
import Testing

@testable import GRPC

/// The value that decides who begins, without a server around it.
@Suite struct AdmissionTests {
  private static let millisecond: Int64 = 1_000_000

  private func admission(
    most: Int = 256, _ change: (inout AdmissionSettings) -> Void = { _ in }
  ) -> Admission {
    var settings = AdmissionSettings()
    change(&settings)
    return Admission(settings, most: most)
  }

  @Test("what ends at once never waits, however much of it there is")
  func immediate() {
    var admission = admission()
    for id in 0..<100_000 as Range<UInt64> {
      #expect(admission.arrive(id, .sheddablePlus, 0) == .start)
      admission.end(took: 0, slowness: nil, 0)
    }
    #expect(admission.limit == 32)
  }

  @Test("the limit gives way while nothing is slow, and is regained slowly after it came down")
  func growth() {
    var admission = admission(most: 200)
    var now = 200 * Self.millisecond
    for id in 0..<200 as Range<UInt64> {
      #expect(admission.arrive(id, .sheddablePlus, now) == .start)
    }
    #expect(admission.arrive(200, .sheddablePlus, now) == .wait(instead: nil))
    admission.end(took: 500 * Self.millisecond, slowness: 50, now)
    #expect(admission.limit == 180)
    for _ in 0..<20 { admission.end(took: 0, slowness: nil, now) }
    // One more for each limit of calls that end in time.
    for _ in 0..<180 {
      _ = admission.next(now)
      admission.end(took: Self.millisecond, slowness: 1, now)
      _ = admission.arrive(300, .sheddablePlus, now)
    }
    #expect(admission.limit == 181)
    now += 11_000 * Self.millisecond
    for id in 400..<500 as Range<UInt64> { _ = admission.arrive(id, .sheddablePlus, now) }
    #expect(admission.limit == 200)
  }

  @Test("the limit comes down by tenths while calls take far longer, and never below its least")
  func decrease() {
    var admission = admission()
    var now: Int64 = 0
    var limits: [Int] = []
    for _ in 0..<100 {
      now += 101 * Self.millisecond
      _ = admission.arrive(1, .sheddablePlus, now)
      admission.end(took: 500 * Self.millisecond, slowness: 50, now)
      limits.append(admission.limit)
    }
    #expect(limits.first == 28)
    #expect(limits.last == 8)
    // Once in an interval: what was at work by then tells nothing new.
    var other = self.admission()
    for _ in 0..<50 {
      _ = other.arrive(1, .sheddablePlus, 200 * Self.millisecond)
      other.end(took: 500 * Self.millisecond, slowness: 50, 200 * Self.millisecond)
    }
    #expect(other.limit == 28)
    // Slow by its own measure, but nothing that anybody would notice.
    var quick = self.admission()
    quick.end(took: 5 * Self.millisecond, slowness: 50, 200 * Self.millisecond)
    #expect(quick.limit == 32)
  }

  @Test("a pool of eight behind sixty-four calls at once is left alone")
  func pool() {
    var ease = Ease()
    var admission = admission()
    var now: Int64 = 0
    // One at a time takes 2 ms; with 64 at work each takes eight times as long.
    _ = ease.note(2 * Self.millisecond, now)
    for round in 0..<1_000 {
      now += Self.millisecond
      _ = admission.arrive(UInt64(round), .sheddablePlus, now)
      let took = 16 * Self.millisecond
      admission.end(took: took, slowness: ease.note(took, now), now)
    }
    #expect(admission.limit >= 32)
  }

  @Test("what has become slower for good is believed in the end")
  func creep() {
    var ease = Ease()
    _ = ease.note(Self.millisecond, 0)
    var slowness = 0.0
    for second in 1...600 as ClosedRange<Int64> {
      slowness = ease.note(20 * Self.millisecond, second * 1_000_000_000)
    }
    #expect(slowness < 2)
  }

  @Test("what an rpc says of itself ranks it; nothing, or nothing known, is sheddable plus")
  func said() {
    let said: [AccessRule.Criticality] = [
      .sheddable, .unspecified, .sheddablePlus, AccessRule.Criticality(rawValue: 99), .critical,
      .criticalPlus,
    ]
    #expect(
      said.map(Criticality.init)
        == [.sheddable, .sheddablePlus, .sheddablePlus, .sheddablePlus, .critical, .criticalPlus])
  }

  @Test("the critical go first, and take the place of others when the queue is full")
  func ranks() {
    var admission = admission(most: 1) { $0.queueMax = 3 }
    #expect(admission.arrive(1, .sheddable, 0) == .start)
    #expect(admission.arrive(2, .sheddable, 0) == .wait(instead: nil))
    #expect(admission.arrive(3, .sheddablePlus, 0) == .wait(instead: nil))
    #expect(admission.arrive(4, .critical, 0) == .wait(instead: nil))
    #expect(admission.arrive(5, .sheddable, 0) == .refuse)
    #expect(admission.isFull(for: .sheddable, 0) && !admission.isFull(for: .critical, 0))
    #expect(admission.arrive(6, .critical, 0) == .wait(instead: 2))
    var order: [UInt64] = []
    for _ in 0..<3 {
      admission.end(took: 0, slowness: nil, 0)
      if let next = admission.next(0) { order.append(next.id) }
    }
    #expect(order == [4, 6, 3])
  }

  @Test("the critical have places beyond the limit, and no others take them")
  func reserve() {
    let now = 200 * Self.millisecond
    var admission = admission(most: 5) {
      $0.start = 2
      $0.least = 2
      $0.reserve = 2
    }
    // Came down, so that it gives way to nobody.
    #expect(admission.arrive(0, .sheddable, now) == .start)
    admission.end(took: 500 * Self.millisecond, slowness: 50, now)
    #expect(admission.arrive(1, .sheddablePlus, now) == .start)
    #expect(admission.arrive(2, .sheddablePlus, now) == .start)
    #expect(admission.arrive(3, .sheddablePlus, now) == .wait(instead: nil))
    #expect(admission.arrive(4, .critical, now) == .start)
    #expect(admission.arrive(5, .criticalPlus, now) == .start)
    #expect(admission.arrive(6, .critical, now) == .wait(instead: nil))
    #expect(admission.next(now) == nil)
    admission.end(took: 0, slowness: nil, now)
    #expect(admission.next(now)?.id == 6)
    admission.end(took: 0, slowness: nil, now)
    admission.end(took: 0, slowness: nil, now)
    #expect(admission.next(now) == nil)
    admission.end(took: 0, slowness: nil, now)
    #expect(admission.next(now)?.id == 3)
  }

  @Test("after an interval of waiting the newest go first, and who waited too long is refused")
  func overload() {
    var admission = admission(most: 1)
    _ = admission.arrive(0, .sheddablePlus, 0)
    for id in 1...50 as ClosedRange<UInt64> {
      _ = admission.arrive(id, .sheddablePlus, Int64(id) * 2 * Self.millisecond)
    }
    let now = 103 * Self.millisecond
    #expect(admission.isOverloaded(now))
    // Only those of the last five milliseconds are left.
    #expect(admission.overdue(now) == Array(1...48))
    admission.end(took: 0, slowness: nil, now)
    #expect(admission.next(now)?.id == 50)
  }

  @Test("a short burst waits for as long as an interval, and nobody is refused")
  func burst() {
    var admission = admission(most: 1)
    _ = admission.arrive(0, .sheddablePlus, 0)
    for id in 1...10 as ClosedRange<UInt64> { _ = admission.arrive(id, .sheddablePlus, 0) }
    let now = 90 * Self.millisecond
    #expect(admission.overdue(now).isEmpty)
    admission.end(took: 0, slowness: nil, now)
    #expect(admission.next(now)?.id == 1)
  }

  @Test("a loop that rests now and then refuses nothing; one that does not, what lay too long")
  func loop() {
    let admission = admission()
    let lay = 30 * Self.millisecond
    let busy = 150 * Self.millisecond
    #expect(!admission.isTooLate(.sheddablePlus, lay: lay, busyFor: 90 * Self.millisecond))
    #expect(admission.isTooLate(.sheddablePlus, lay: lay, busyFor: busy))
    #expect(!admission.isTooLate(.sheddablePlus, lay: 5 * Self.millisecond, busyFor: busy))
    #expect(!admission.isTooLate(.critical, lay: lay, busyFor: busy))
    #expect(!admission.isTooLate(.criticalPlus, lay: .max / 2, busyFor: busy))
  }

  @Test("those who are ready begin by rank, then as they came, and know how long that takes")
  func ready() {
    var ready = ReadyQueue()
    for (id, rank) in [(1, .sheddable), (2, .critical), (3, .sheddablePlus), (4, .critical)]
      as [(UInt64, Criticality)]
    {
      ready.append(id, rank)
    }
    #expect(ready.length(.sheddable) == 0)
    ready.note(4, took: 8 * Self.millisecond)
    ready.note(0, took: 90 * Self.millisecond)
    #expect(ready.length(.sheddable) == 8 * Self.millisecond)
    #expect(ready.length(.sheddablePlus) == 6 * Self.millisecond)
    #expect(ready.length(.critical) == 4 * Self.millisecond)
    #expect(ready.length(.criticalPlus) == 0)
    #expect((0..<5).map { _ in ready.popFirst() } == [2, 4, 3, 1, nil])
    // Never empty for long, and in order all the same.
    for id in 0..<1_000 as Range<UInt64> {
      ready.append(id, .sheddablePlus)
      if id >= 100 { #expect(ready.popFirst() == id - 100) }
    }
    #expect(ready.count == 100 && !ready.isEmpty)
  }

  /// What may become of a call.
  private enum Fate { case atWork, waits }

  @Test(
    "whatever happens in whatever order, each call begins or is refused, once", arguments: 0..<10)
  func model(seed: UInt64) {
    var random = Dice(state: seed &* 0x9e37_79b9_7f4a_7c15 | 1)
    var admission = admission(most: 12) {
      $0.start = 4
      $0.least = 2
      $0.queueMax = 6
    }
    var fates: [UInt64: (fate: Fate, rank: Criticality)] = [:]
    var now: Int64 = 0
    var nextID: UInt64 = 0
    func all(_ fate: Fate) -> [UInt64] { fates.filter { $0.value.fate == fate }.keys.sorted() }
    for _ in 0..<1_000 {
      now += Int64(random.next() % 8) * Self.millisecond
      switch random.next() % 6 {
      case 0, 1, 2:
        nextID += 1
        let rank = Criticality.allCases[Int(random.next() % 4)]
        let wasFull = admission.isFull(for: rank, now)
        let decision = admission.arrive(nextID, rank, now)
        #expect((decision == .refuse) == wasFull)
        switch decision {
        case .start: fates[nextID] = (.atWork, rank)
        case .refuse: break
        case .wait(let instead):
          fates[nextID] = (.waits, rank)
          if let instead {
            #expect(fates[instead].map { $0.fate == .waits && $0.rank < rank } == true)
            fates[instead] = nil
          }
        }
      case 3:
        guard let id = all(.atWork).randomElement(using: &random) else { continue }
        fates[id] = nil
        let slowness: Double? = [nil, 1, 5, 40][Int(random.next() % 4)]
        admission.end(took: 20 * Self.millisecond, slowness: slowness, now)
      case 4:
        guard let id = all(.waits).randomElement(using: &random) else { continue }
        admission.forget(id)
        fates[id] = nil
      default:
        for id in admission.overdue(now) {
          #expect(fates[id].map { $0.fate == .waits && $0.rank < .criticalPlus } == true)
          fates[id] = nil
        }
        let isLate = admission.lookAgain(now).map { $0 < now } ?? false
        #expect(!isLate)
      }
      while let id = admission.next(now)?.id {
        let best = all(.waits).compactMap { fates[$0]?.rank }.max()
        #expect(fates[id].map { $0.fate == .waits && $0.rank == best } == true)
        fates[id]?.fate = .atWork
      }
      #expect(admission.atWork == all(.atWork).count)
      #expect(admission.queue.map(\.id).sorted() == all(.waits))
      #expect(admission.queue.count <= 6)
      #expect((2...12).contains(admission.limit))
      #expect(admission.queue.isEmpty || admission.atWork >= admission.limit)
      #expect(admission.atWork <= 12)
    }
  }
}

/// Numbers that look random and are the same in every run.
private struct Dice: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
