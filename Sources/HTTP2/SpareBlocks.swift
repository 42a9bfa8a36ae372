import Glibc

/// Blocks of memory that were used and will be again: for each call the C library asks for eight
/// and gives them back, which the heap makes three times as dear.
///
/// Safety: each block has one user, who gives it back here; before it stands of which size it is.
/// Used by the one thread that has the session.
struct SpareBlocks: ~Copyable {
  /// The first spare block of each size; each holds the address of the next.
  private var first = InlineArray<5, UnsafeMutableRawPointer?>(repeating: nil)
  private(set) var spareBytes = 0

  /// Sizes, heads included, are 64 bytes, twice that and so on. What is larger is left to the heap.
  private static let leastShift = 6
  private static let mostBytes = 64 << 4
  /// Enough for the size, and for blocks to be aligned as those of the heap.
  private static let headBytes = 16
  private static let roomMax = mostBytes - headBytes
  /// What a session keeps at most.
  private static let spareBytesMax = 64 << 10

  init() {}

  deinit { freeAll() }

  @inline(__always)
  mutating func take(_ count: Int) -> UnsafeMutableRawPointer? {
    guard count <= Self.roomMax else { return takeLarge(count) }
    let size = Self.size(holding: count)
    guard let block = first[size] else { return takeNew(size) }
    first[size] = block.load(fromByteOffset: Self.headBytes, as: UnsafeMutableRawPointer?.self)
    spareBytes &-= Self.bytes(size)
    return block + Self.headBytes
  }

  @inline(__always)
  mutating func give(_ pointer: UnsafeMutableRawPointer) {
    let block = pointer - Self.headBytes
    let size = block.load(as: Int.self)
    guard size < first.count, spareBytes &+ Self.bytes(size) <= Self.spareBytesMax else {
      return free(block)
    }
    pointer.storeBytes(of: first[size], as: UnsafeMutableRawPointer?.self)
    first[size] = block
    spareBytes &+= Self.bytes(size)
  }

  /// The block with room for so many bytes, moved if it must be; nil without memory.
  mutating func resize(
    _ pointer: UnsafeMutableRawPointer, _ count: Int
  ) -> UnsafeMutableRawPointer? {
    let block = pointer - Self.headBytes
    let size = block.load(as: Int.self)
    // A large block holds more than any of the sizes.
    let isLarge = size == first.count
    let room = isLarge ? Self.roomMax : Self.bytes(size) - Self.headBytes
    if isLarge, count > Self.roomMax {
      return realloc(block, count &+ Self.headBytes).map { $0 + Self.headBytes }
    }
    if !isLarge, count <= room { return pointer }
    guard let moved = take(count) else { return nil }
    moved.copyMemory(from: pointer, byteCount: min(count, room))
    give(pointer)
    return moved
  }

  /// Gives all of them back to the heap.
  mutating func removeAll() {
    freeAll()
    first = InlineArray(repeating: nil)
    spareBytes = 0
  }

  private func freeAll() {
    for size in first.indices {
      var next = first[size]
      while let block = next {
        next = block.load(fromByteOffset: Self.headBytes, as: UnsafeMutableRawPointer?.self)
        free(block)
      }
    }
  }

  private func takeNew(_ size: Int) -> UnsafeMutableRawPointer? {
    guard let block = malloc(Self.bytes(size)) else { return nil }
    block.storeBytes(of: size, as: Int.self)
    return block + Self.headBytes
  }

  private func takeLarge(_ count: Int) -> UnsafeMutableRawPointer? {
    let (bytes, overflow) = count.addingReportingOverflow(Self.headBytes)
    guard !overflow, let block = malloc(bytes) else { return nil }
    block.storeBytes(of: first.count, as: Int.self)
    return block + Self.headBytes
  }

  private static func bytes(_ size: Int) -> Int { 1 << (size &+ leastShift) }

  @inline(__always)
  private static func size(holding count: Int) -> Int {
    let wanted = max(1, count) &+ headBytes &- 1
    return max(0, Int.bitWidth &- wanted.leadingZeroBitCount &- leastShift)
  }
}
