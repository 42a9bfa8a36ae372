import Synchronization

/// What one event loop counts of the calls it answers, a row of figures for each method.
///
/// Only the loop writes, so that counting is a load and a store; whoever reads may see a call in one
/// figure and not yet in another.
///
/// Safety: the memory lives as long as the object, and holds atomics only.
final class CallCounters: @unchecked Sendable {
  /// Upper bounds of the buckets of times, in nanoseconds; the last has none.
  static let bounds: [Int64] = [
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
    100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000,
    10_000_000_000, .max,
  ]

  private static let codes = 17
  private static let firstCode = 1
  private static let firstBucket = firstCode + codes
  private static let sum = firstBucket + bounds.count
  private static let width = sum + 1

  /// Rows: one a method, and the last for calls of methods that there are not.
  let methods: Int
  private let figures: UnsafeMutablePointer<Atomic<UInt64>>

  init(methods: Int) {
    self.methods = methods
    let count = (methods + 1) * Self.width
    figures = .allocate(capacity: count)
    for index in 0..<count { (figures + index).initialize(to: Atomic(0)) }
  }

  deinit {
    figures.deinitialize(count: (methods + 1) * Self.width)
    figures.deallocate()
  }

  @inline(__always)
  private func add(_ amount: UInt64, at index: Int) {
    figures[index].store(
      figures[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  /// A call has begun.
  func began(_ method: Int) { add(1, at: method &* Self.width) }

  /// A call has been answered, after this many nanoseconds.
  func ended(_ method: Int, _ code: StatusCode, after nanoseconds: Int64) {
    let row = method &* Self.width
    let code = min(max(0, code.rawValue), Self.codes &- 1)
    add(1, at: row &+ Self.firstCode &+ code)
    let length = max(0, nanoseconds)
    add(1, at: row &+ Self.firstBucket &+ Self.bucket(of: length))
    add(UInt64(length), at: row &+ Self.sum)
  }

  @inline(__always)
  private static func bucket(of length: Int64) -> Int {
    var bucket = 0
    while length > bounds[bucket], bucket < bounds.count &- 1 { bucket &+= 1 }
    return bucket
  }

  // MARK: Reading

  /// The figures of one method.
  struct Row {
    var started: UInt64 = 0
    var handled = [UInt64](repeating: 0, count: CallCounters.codes)
    var buckets = [UInt64](repeating: 0, count: CallCounters.bounds.count)
    var nanoseconds: UInt64 = 0

    var ended: UInt64 { handled.reduce(0, &+) }

    /// Calls begun and not ended; zero while the figures are ahead of each other.
    var inFlight: UInt64 { started > ended ? started - ended : 0 }

    /// A call has ended, after this many nanoseconds.
    mutating func ended(_ code: StatusCode, after nanoseconds: Int64) {
      let length = max(0, nanoseconds)
      handled[code.rawValue] &+= 1
      buckets[CallCounters.bucket(of: length)] &+= 1
      self.nanoseconds &+= UInt64(length)
    }
  }

  func read(_ method: Int, into row: inout Row) {
    func figure(_ index: Int) -> UInt64 {
      figures[method * Self.width + index].load(ordering: .relaxed)
    }
    for code in 0..<Self.codes { row.handled[code] &+= figure(Self.firstCode + code) }
    for bucket in Self.bounds.indices { row.buckets[bucket] &+= figure(Self.firstBucket + bucket) }
    row.nanoseconds &+= figure(Self.sum)
    row.started &+= figure(0)
  }
}
