/// Chance that comes out the same for the same seed: SplitMix64.
struct SeedRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// A generator of its own for a part of the work, whatever the other parts draw.
  static func part(_ number: Int, of seed: UInt64) -> SeedRandom {
    let offset = UInt64(truncatingIfNeeded: number) &* 0xd134_2543_de82_ef95
    var mixer = SeedRandom(seed: seed &+ offset)
    return SeedRandom(seed: mixer.next())
  }

  /// True so many times in a hundred.
  mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

  /// A place below the count.
  mutating func below(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &self) }
}

/// Words drawn as often as they are met among people: the frequency of a name falls with its rank.
struct Frequent: Sendable {
  let words: [String]
  /// Sums of the weights up to each word.
  private let sums: [Double]

  /// - Parameter words: at least one, the most frequent first.
  init(_ words: [String]) {
    self.words = words
    var sum = 0.0
    sums = words.indices.map { rank in
      // Zipf's law, flattened at the head as it is in registers of names.
      sum += 1 / Double(rank + 12)
      return sum
    }
  }

  func draw(_ random: inout SeedRandom) -> String {
    guard let total = sums.last else { return "" }
    let mark = Double.random(in: 0..<total, using: &random)
    var low = 0
    var high = sums.count - 1
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > mark { high = middle } else { low = middle + 1 }
    }
    return words[low]
  }
}
