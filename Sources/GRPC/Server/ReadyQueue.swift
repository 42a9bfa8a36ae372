/// Calls of a busy event loop that have a place and whose handlers begin in one of its next turns:
/// the more critical first, and in the order of their coming among equals.
struct ReadyQueue {
  private var ids: [[UInt64]] = Array(repeating: [], count: Criticality.allCases.count)
  /// How many of each rank have been taken from the front.
  private var taken: [Int] = Array(repeating: 0, count: Criticality.allCases.count)
  /// What beginning a handler took lately, in nanoseconds.
  private var cost: Int64 = 0

  /// Calls that wait for their turn.
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ id: UInt64, _ rank: Criticality) {
    ids[rank.rawValue].append(id)
    count &+= 1
  }

  mutating func popFirst() -> UInt64? {
    guard count > 0 else { return nil }
    for rank in ids.indices.reversed() where taken[rank] < ids[rank].count {
      let id = ids[rank][taken[rank]]
      taken[rank] &+= 1
      if taken[rank] == ids[rank].count || taken[rank] > 64 {
        ids[rank].removeFirst(taken[rank])
        taken[rank] = 0
      }
      count &-= 1
      return id
    }
    return nil
  }

  /// So many handlers have begun, and kept the loop for so long.
  mutating func note(_ begun: Int64, took: Int64) {
    guard begun > 0 else { return }
    cost = cost == 0 ? took / begun : cost &+ (took / begun &- cost) / 8
  }

  /// For how long a call of this rank would wait for those before it, in nanoseconds.
  func length(_ rank: Criticality) -> Int64 {
    var before = 0
    for other in ids.indices where other >= rank.rawValue {
      before &+= ids[other].count &- taken[other]
    }
    return Int64(before) &* cost
  }
}
