/// The bytes of a body that wait to be sent.
struct OutboundBody {
  private struct Chunk {
    /// Up to eight bytes before `bytes`, the first in the lowest byte: a length prefix costs no
    /// array of its own.
    var head: UInt64
    var headCount: Int
    var bytes: [UInt8]
    var sent = 0

    var left: Int { headCount + bytes.count - sent }
  }

  private var first: Chunk?
  private var rest: [Chunk] = []
  private var restStart = 0

  /// What one call of `produce` came to.
  struct Part {
    enum Then {
      case more, waits
      case ends(FieldBlock?)
    }

    var count = 0
    var then = Then.more
    /// True once, after it was asked for, when little is left.
    var isDrained = false
  }

  /// With no more than this waiting on a stream, its writer may go on.
  static let drainedBelow = 16 << 10

  /// Bytes that wait.
  private(set) var count = 0
  /// True once no more will be added.
  var isComplete = false
  /// What follows the last byte; nil ends the stream without.
  var trailers: FieldBlock?
  /// True while the library waits to be told that there is more.
  var isDeferred = false
  /// True while a writer waits for room.
  var tellsWhenDrained = false

  mutating func append(head: UInt64, headCount: Int, _ bytes: [UInt8]) {
    let chunk = Chunk(head: head, headCount: min(8, headCount), bytes: bytes)
    count += chunk.left
    if first == nil { first = chunk } else { rest.append(chunk) }
  }

  /// Moves bytes to a frame and says what comes after it.
  mutating func produce(
    into target: UnsafeMutablePointer<UInt8>, capacity: Int, _ part: inout Part
  ) {
    part.count = read(into: target, capacity: capacity)
    if tellsWhenDrained, count <= Self.drainedBelow {
      tellsWhenDrained = false
      part.isDrained = true
    }
    if count == 0, isComplete {
      part.then = .ends(trailers)
    } else if part.count == 0 {
      isDeferred = true
      part.then = .waits
    }
  }

  /// Moves up to `capacity` bytes to `target`.
  private mutating func read(into target: UnsafeMutablePointer<UInt8>, capacity: Int) -> Int {
    var written = 0
    while written < capacity, let left = first?.left {
      if left == 0 {
        advance()
        continue
      }
      written += readFirst(into: target + written, capacity: capacity - written)
    }
    if first?.left == 0 { advance() }
    count -= written
    return written
  }

  private mutating func readFirst(
    into target: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> Int {
    guard var chunk = first else { return 0 }
    first = nil
    var written = 0
    while chunk.sent < chunk.headCount, written < capacity {
      target[written] = UInt8(truncatingIfNeeded: chunk.head >> UInt64(8 * chunk.sent))
      chunk.sent += 1
      written += 1
    }
    let start = chunk.sent - chunk.headCount
    let count = min(capacity - written, chunk.bytes.count - start)
    if chunk.sent >= chunk.headCount, count > 0 {
      chunk.bytes.withUnsafeBufferPointer { source in
        guard let base = source.baseAddress else { return }
        (target + written).update(from: base + start, count: count)
      }
      chunk.sent += count
      written += count
    }
    first = chunk
    return written
  }

  private mutating func advance() {
    guard restStart < rest.count else {
      first = nil
      rest.removeAll(keepingCapacity: false)
      restStart = 0
      return
    }
    first = rest[restStart]
    restStart += 1
    if restStart > 32 {
      rest.removeFirst(restStart)
      restStart = 0
    }
  }
}
