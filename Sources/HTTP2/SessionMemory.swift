import CNGHTTP2
import Glibc

/// What the C library asks for when it makes a session, laid out so that a session with nothing to
/// do takes one page of memory: its frame buffer begins on the page of its state and ends where
/// nothing was ever written, and its tables are pages that stay empty until a stream is opened.
///
/// Safety: one session's, used by the thread that has the session, and freed after it.
final class SessionMemory {
  private let base: UnsafeMutableRawPointer?
  @exclusivity(unchecked) private var spares = SpareBlocks()
  /// Where the next block goes: state and frames at the front, tables at the rear.
  private var front = 0
  private var rear = SessionMemory.frontBytes
  @exclusivity(unchecked) private var isMaking = true

  private static let bytes = 32 << 10
  private static let frontBytes = 20 << 10
  /// What is smaller is left to the heap.
  private static let leastBytes = 1 << 10

  /// The address sanitizer sees neither into mapped pages nor beyond blocks in them: what a session
  /// holds would be a leak to it. With it all comes from the heap.
  private let isWatched = SessionMemory.hasAddressSanitizer
  private static let hasAddressSanitizer = dlsym(nil, "__asan_init") != nil

  init() {
    let mapped =
      isWatched
      ? nil
      : mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    base = mapped == MAP_FAILED ? nil : mapped
    // A huge page would be all there at its first byte.
    if let base { madvise(base, Self.bytes, MADV_NOHUGEPAGE) }
  }

  deinit {
    if let base { munmap(base, Self.bytes) }
  }

  /// The session is made: whatever it needs from now on are blocks that were used, or come from the
  /// heap.
  func seal() { isMaking = false }

  /// As the C library takes it.
  var functions: nghttp2_mem {
    nghttp2_mem(
      mem_user_data: Unmanaged.passUnretained(self).toOpaque(),
      malloc: { count, owner in SessionMemory.lend(owner, or: nil) { $0.allocate(count) } },
      free: { block, owner in SessionMemory.lend(owner, or: ()) { $0.free(block) } },
      calloc: { count, size, owner in
        let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow else { return nil }
        return SessionMemory.lend(owner, or: nil) { $0.allocateEmpty(bytes) }
      },
      realloc: { block, count, owner in
        SessionMemory.lend(owner, or: nil) { $0.resize(block, count) }
      })
  }

  /// The memory outlives its session, so nothing is counted.
  @inline(__always)
  private static func lend<Result>(
    _ owner: UnsafeMutableRawPointer?, or other: Result, _ body: (SessionMemory) -> Result
  ) -> Result {
    guard let owner else { return other }
    return Unmanaged<SessionMemory>.fromOpaque(owner)._withUnsafeGuaranteedRef { body($0) }
  }

  /// Gives the blocks that no stream uses back to the heap.
  func rest() { spares.removeAll() }

  @inline(__always)
  private func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
    if isMaking, let block = block(count) { return block }
    return isWatched ? Glibc.malloc(count) : spares.take(count)
  }

  private func allocateEmpty(_ count: Int) -> UnsafeMutableRawPointer? {
    // Mapped pages are zero.
    if let block = block(count) { return block }
    let block = allocate(count)
    block?.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    return block
  }

  @inline(__always)
  private func free(_ block: UnsafeMutableRawPointer?) {
    guard let block, !owns(block) else { return }
    if isWatched { Glibc.free(block) } else { spares.give(block) }
  }

  private func block(_ count: Int) -> UnsafeMutableRawPointer? {
    guard isMaking, count >= Self.leastBytes else { return nil }
    return place(count)
  }

  private func place(_ count: Int) -> UnsafeMutableRawPointer? {
    let rounded = (count &+ 15) & ~15
    // The session's state comes first; frames are the largest by far.
    if front == 0 || count >= 8 << 10 {
      guard rounded <= Self.frontBytes &- front else { return nil }
      defer { front &+= rounded }
      return base.map { $0 + front }
    }
    guard rounded <= Self.bytes &- rear else { return nil }
    defer { rear &+= rounded }
    return base.map { $0 + rear }
  }

  @inline(__always)
  private func owns(_ block: UnsafeMutableRawPointer) -> Bool {
    guard let base else { return false }
    return block >= base && block < base + Self.bytes
  }

  private func resize(
    _ block: UnsafeMutableRawPointer?, _ count: Int
  ) -> UnsafeMutableRawPointer? {
    guard let block else { return allocate(count) }
    if let base, owns(block) {
      guard let moved = allocate(count) else { return nil }
      // How long the block was is not known; what lies behind it is ours as well.
      moved.copyMemory(from: block, byteCount: min(count, base + Self.bytes - block))
      return moved
    }
    return isWatched ? Glibc.realloc(block, count) : spares.resize(block, count)
  }
}
