import Testing

@testable import GRPC

/// The balancer against a world that does to it whatever can happen, in any order.
@Suite struct BalancerTests {
  private static let orders = 2_500

  @Test(
    "any order of events", .serialized, arguments: [BalancingPolicy.pickFirst, .roundRobin],
    [false, true])
  func anyOrder(policy: BalancingPolicy, watchesHealth: Bool) async {
    for seed in 0..<UInt64(Self.orders) {
      // Other tests need the threads too.
      if seed % 8 == 0 { await Task.yield() }
      var world = World(policy: policy, watchesHealth: watchesHealth, seed: seed)
      for _ in 0..<24 {
        world.step()
        if let broken = world.broken {
          Issue.record("seed \(seed): \(broken)")
          return
        }
      }
      world.becomeGood()
      #expect(world.broken == nil, "seed \(seed)")
      if world.broken != nil { return }
    }
  }

  @Test("pick-first goes through the list, keeps what it found, and moves on when that goes")
  func pickFirst() {
    var balancer = Balancer<String>(policy: .pickFirst, watchesHealth: false)
    #expect(balancer.handle(.resolved(["a", "b", "c"])) == [])
    #expect(balancer.handle(.wanted(true)) == [.connect(0)])
    #expect(balancer.handle(.failed(0)) == [.resolve, .connect(1)])
    #expect(balancer.handle(.slow(1)) == [.connect(2)])
    #expect(balancer.handle(.ready(2)) == [.disconnect(1)])
    #expect(balancer.candidates == [2])
    #expect(balancer.handle(.rested(0)) == [])
    // Wanted or not, the order of the list is that of the next attempts.
    #expect(balancer.handle(.left(2)) == [.resolve, .connect(0)])
    #expect(balancer.candidates.isEmpty && !balancer.isFailing)
    #expect(balancer.handle(.failed(0)) == [.resolve, .connect(1)])
    #expect(balancer.handle(.failed(1)) == [.resolve, .connect(2)])
    #expect(!balancer.isFailing)
    #expect(balancer.handle(.failed(2)) == [.resolve])
    #expect(balancer.isFailing)
    #expect(balancer.handle(.rested(1)) == [.connect(1)])
    #expect(balancer.isFailing)
    _ = balancer.handle(.ready(1))
    #expect(balancer.candidates == [1] && !balancer.isFailing)
    #expect(balancer.handle(.wanted(false)) == [.disconnect(1)])
  }

  @Test("round-robin offers whoever is ready and healthy, and tries the others again")
  func roundRobin() {
    var balancer = Balancer<String>(policy: .roundRobin, watchesHealth: true)
    _ = balancer.handle(.wanted(true))
    #expect(balancer.handle(.resolved(["a", "b", "a"])) == [.connect(0), .connect(1)])
    _ = balancer.handle(.ready(0))
    #expect(balancer.candidates.isEmpty)
    _ = balancer.handle(.serving(0, true))
    #expect(balancer.candidates == [0])
    #expect(balancer.handle(.failed(1)) == [.resolve])
    #expect(balancer.handle(.rested(1)) == [.connect(1)])
    _ = balancer.handle(.ready(1))
    _ = balancer.handle(.serving(1, true))
    #expect(balancer.candidates == [0, 1])
    _ = balancer.handle(.serving(0, false))
    #expect(balancer.candidates == [1])
    #expect(balancer.handle(.left(1)) == [.resolve, .connect(1)])
    #expect(balancer.candidates.isEmpty)
    #expect(balancer.handle(.resolved(["c", "a"])) == [.forget(1), .connect(2)])
    #expect(balancer.handle(.failed(2)) == [.resolve])
    #expect(balancer.isFailing)
  }
}

/// What really is, as far as the balancer's orders made it so.
private struct World {
  enum Link { case idle, connecting, ready, resting }

  var balancer: Balancer<Int>
  var links: [Int: Link] = [:]
  var health: [Int: Bool] = [:]
  var broken: String?
  private var random: SplitMix
  private var wanted = false
  private var resolved = false
  private var previous: [Int] = []

  init(policy: BalancingPolicy, watchesHealth: Bool, seed: UInt64) {
    balancer = Balancer(policy: policy, watchesHealth: watchesHealth)
    random = SplitMix(state: seed)
  }

  mutating func step() {
    switch Int.random(in: 0..<12, using: &random) {
    case 0:
      let count = Int.random(in: 0...4, using: &random)
      let endpoints = (0..<count).map { _ in Int.random(in: 0..<6, using: &random) }
      resolved = resolved || count > 0
      tell(.resolved(endpoints))
    case 1: tell(.unresolved)
    case 2, 3:
      wanted = Int.random(in: 0..<4, using: &random) > 0
      tell(.wanted(wanted))
    default: happen()
    }
  }

  /// Something that can happen to one of the servers, as it is just now.
  private mutating func happen() {
    guard let id = links.keys.sorted().randomElement(using: &random), let link = links[id] else {
      return
    }
    switch (link, Int.random(in: 0..<3, using: &random)) {
    case (.connecting, 0): tell(.slow(id))
    case (.connecting, 1), (.ready, 0): fail(id, link)
    case (.connecting, _):
      links[id] = .ready
      health[id] = balancer.watchesHealth ? nil : true
      tell(.ready(id))
    case (.ready, 1) where balancer.watchesHealth:
      let isServing = Bool.random(using: &random)
      health[id] = isServing
      tell(.serving(id, isServing))
    case (.ready, 2):
      links[id] = .idle
      tell(.left(id))
    case (.resting, _):
      links[id] = .idle
      tell(.rested(id))
    default: break
    }
  }

  private mutating func fail(_ id: Int, _ link: Link) {
    links[id] = .resting
    tell(.failed(id))
  }

  private mutating func tell(_ event: Balancer<Int>.Event) {
    previous = balancer.candidates.filter(isUp)
    for action in balancer.handle(event) { obey(action) }
    for member in balancer.members where links[member.id] == nil { links[member.id] = .idle }
    check()
  }

  private mutating func obey(_ action: Balancer<Int>.Action) {
    switch action {
    case .connect(let id):
      if links[id, default: .idle] != .idle { broken = "connects \(id), which is not idle" }
      links[id] = .connecting
    case .disconnect(let id):
      let isOpen = links[id] == .connecting || links[id] == .ready
      if !isOpen { broken = "disconnects \(id), which has no connection" }
      links[id] = .idle
    case .forget(let id):
      if links[id] == nil { broken = "forgets \(id), which nobody knows" }
      links[id] = nil
    case .resolve: break
    }
    if case .resolve = action {} else { previous = previous.filter(isUp) }
  }

  private func isUp(_ id: Int) -> Bool { links[id] == .ready && health[id] == true }

  private mutating func check() {
    let ids = balancer.members.map(\.id)
    let up = ids.filter(isUp)
    let open = ids.filter { links[$0] == .connecting || links[$0] == .ready }
    func must(_ isTrue: Bool, _ text: String) { if !isTrue { broken = broken ?? text } }
    must(Set(ids) == Set(links.keys), "members differ")
    must(Set(balancer.members.map(\.endpoint)).count == ids.count, "an endpoint twice")
    guard wanted else {
      must(balancer.candidates.isEmpty && open.isEmpty, "works though nobody wants it")
      return
    }
    must(balancer.candidates.allSatisfy(up.contains), "offers what is not up")
    must(up.isEmpty == balancer.candidates.isEmpty, "offers nothing though something is up")
    must(!balancer.isFailing || up.isEmpty, "fails though something is up")
    if up.isEmpty, !ids.isEmpty {
      let isMoving =
        ids.contains { links[$0] == .connecting || links[$0] == .resting }
        || ids.contains { links[$0] == .ready }
      must(isMoving, "waits for nothing")
    }
    switch balancer.policy {
    case .pickFirst:
      must(balancer.candidates.count <= 1, "offers several")
      if let kept = previous.first { must(balancer.candidates == [kept], "leaves what is up") }
      if !up.isEmpty { must(open == balancer.candidates, "keeps more than one") }
    case .roundRobin:
      must(balancer.candidates == up, "does not offer all that is up")
      must(ids.allSatisfy { links[$0] != .idle }, "leaves one idle")
    }
  }

  /// From wherever it is: when everything works, calls find a server soon.
  mutating func becomeGood() {
    tell(.resolved([1, 2, 3]))
    wanted = true
    tell(.wanted(true))
    for _ in 0..<20 where broken == nil {
      for id in links.keys.sorted() {
        switch links[id] {
        case .connecting:
          links[id] = .ready
          health[id] = balancer.watchesHealth ? nil : true
          tell(.ready(id))
        case .resting:
          links[id] = .idle
          tell(.rested(id))
        case .ready where health[id] != true:
          health[id] = true
          tell(.serving(id, true))
        default: break
        }
      }
    }
    let expected = balancer.policy == .pickFirst ? 1 : 3
    if balancer.candidates.count != expected || balancer.isFailing {
      broken = broken ?? "never gets there"
    }
  }
}

/// A small source of numbers that a seed repeats.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
