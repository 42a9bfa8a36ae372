/// How a channel chooses among the servers of its targets.
public enum BalancingPolicy: Sendable, Hashable {
  /// The servers in order until one can be reached, and that one for as long as it lasts.
  case pickFirst
  /// A connection to every server, and calls to each in turn.
  case roundRobin
}

/// Chooses among servers: a value that is told what happens to them and says what to do about it.
/// It knows no clock and no socket.
struct Balancer<Endpoint: Hashable> {
  typealias ID = Int

  enum Event {
    /// The servers there are, the most wanted first. Known ones keep their connections.
    case resolved([Endpoint])
    /// No server could be found out; those known stay.
    case unresolved
    /// Calls want a connection, or no call has wanted one for long.
    case wanted(Bool)
    /// The attempt to connect takes long enough to begin another beside it.
    case slow(ID)
    /// Connected. With health watched, calls wait for `.serving`.
    case ready(ID)
    /// What the server says of its health.
    case serving(ID, Bool)
    /// The connection takes no new calls, or is lost.
    case left(ID)
    /// No connection came about; a pause begins.
    case failed(ID)
    /// The pause is over.
    case rested(ID)
  }

  enum Action: Equatable {
    case connect(ID)
    /// Gives an attempt up, or lets the calls of a connection end and closes it. No event follows.
    case disconnect(ID)
    /// As `disconnect`, and the server is not one of ours any more.
    case forget(ID)
    /// Names may have come to mean other addresses.
    case resolve
  }

  enum Phase: Equatable {
    case idle
    case connecting(isSlow: Bool)
    /// `serving` is nil until the server said how it is.
    case ready(serving: Bool?)
    case resting
  }

  struct Member: Equatable {
    let id: ID
    let endpoint: Endpoint
    var phase = Phase.idle
    /// True from a failure until some server can be used.
    var hasFailed = false

    var isUp: Bool { phase == .ready(serving: true) }
    var isUseless: Bool { hasFailed || phase == .ready(serving: false) }
  }

  let policy: BalancingPolicy
  let watchesHealth: Bool
  private(set) var members: [Member] = []
  /// Those that calls may go to, in order.
  private(set) var candidates: [ID] = []
  /// True when every server was tried without success; a call that does not wait fails.
  private(set) var isFailing = false
  private(set) var isWanted = false
  private var isUnresolved = false
  private var nextID = 0

  init(policy: BalancingPolicy, watchesHealth: Bool) {
    self.policy = policy
    self.watchesHealth = watchesHealth
  }

  /// Takes note of an event and says what follows from it, in this order.
  mutating func handle(_ event: Event) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .resolved(let endpoints):
      adopt(endpoints, &actions)
    case .unresolved:
      isUnresolved = true
    case .wanted(let isWanted):
      self.isWanted = isWanted
    case .slow(let id):
      change(id) {
        if $0.phase == .connecting(isSlow: false) { $0.phase = .connecting(isSlow: true) }
      }
    case .ready(let id):
      let serving: Bool? = watchesHealth ? nil : true
      change(id) { $0.phase = .ready(serving: serving) }
    case .serving(let id, let isServing):
      change(id) {
        guard case .ready = $0.phase else { return }
        $0.phase = .ready(serving: isServing)
      }
    case .left(let id):
      change(id) { $0.phase = .idle }
      actions.append(.resolve)
    case .failed(let id):
      change(id) {
        $0.phase = .resting
        $0.hasFailed = true
      }
      actions.append(.resolve)
    case .rested(let id):
      change(id) { if $0.phase == .resting { $0.phase = .idle } }
    }
    advance(&actions)
    return actions
  }

  private mutating func change(_ id: ID, _ body: (inout Member) -> Void) {
    guard let index = members.firstIndex(where: { $0.id == id }) else { return }
    body(&members[index])
  }

  private mutating func adopt(_ endpoints: [Endpoint], _ actions: inout [Action]) {
    guard !endpoints.isEmpty else {
      isUnresolved = true
      return
    }
    isUnresolved = false
    var known = Dictionary(
      members.map { ($0.endpoint, $0) }, uniquingKeysWith: { first, _ in first })
    var adopted: [Member] = []
    var seen: Set<Endpoint> = []
    for endpoint in endpoints where seen.insert(endpoint).inserted {
      if let member = known.removeValue(forKey: endpoint) {
        adopted.append(member)
      } else {
        adopted.append(Member(id: nextID, endpoint: endpoint))
        nextID += 1
      }
    }
    for member in members where known[member.endpoint] != nil { actions.append(.forget(member.id)) }
    members = adopted
  }

  private mutating func advance(_ actions: inout [Action]) {
    guard isWanted else {
      isFailing = false
      candidates = []
      for index in members.indices {
        members[index].hasFailed = false
        disconnect(index, &actions)
      }
      return
    }
    let isAnyUp = members.contains(where: \.isUp)
    if isAnyUp {
      for index in members.indices { members[index].hasFailed = false }
    }
    switch policy {
    case .pickFirst: pickFirst(&actions)
    case .roundRobin: connectAll(&actions)
    }
    isFailing =
      !isAnyUp && (members.isEmpty ? isUnresolved : members.allSatisfy(\.isUseless))
  }

  private mutating func connectAll(_ actions: inout [Action]) {
    for index in members.indices { connect(index, &actions) }
    candidates = members.filter(\.isUp).map(\.id)
  }

  private mutating func pickFirst(_ actions: inout [Action]) {
    let kept = members.first { $0.isUp && candidates == [$0.id] }
    if let chosen = kept ?? members.first(where: \.isUp) {
      candidates = [chosen.id]
      for index in members.indices where members[index].id != chosen.id {
        disconnect(index, &actions)
      }
      return
    }
    candidates = []
    // One attempt at a time, unless it takes long.
    let isTrying = members.contains {
      $0.phase == .connecting(isSlow: false) || $0.phase == .ready(serving: nil)
    }
    guard !isTrying, let next = members.firstIndex(where: { $0.phase == .idle }) else { return }
    connect(next, &actions)
  }

  private mutating func connect(_ index: Int, _ actions: inout [Action]) {
    guard members[index].phase == .idle else { return }
    members[index].phase = .connecting(isSlow: false)
    actions.append(.connect(members[index].id))
  }

  private mutating func disconnect(_ index: Int, _ actions: inout [Action]) {
    switch members[index].phase {
    case .idle, .resting: return
    case .connecting, .ready: break
    }
    members[index].phase = .idle
    actions.append(.disconnect(members[index].id))
  }
}
