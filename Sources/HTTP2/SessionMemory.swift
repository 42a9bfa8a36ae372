import CNGHTTP2
import Glibc

/// What the C library asks for when it makes a session, laid out so that a session with nothing to
/// do takes one page of memory: its frame buffer begins on the page of its state and ends where
/// nothing was ever written, and its tables are pages that stay empty until a stream is opened.
///
/// Safety: one session's, used by the thread that has the session, and freed after it.
final class SessionMemory {
  private let base: UnsafeMutableRawPointer?
  /// Where the next block goes: state and frames at the front, tables at the rear.
  private var front = 0
  private var rear = SessionMemory.frontBytes
  private var isMaking = true

  private static let bytes = 32 << 10
  private static let frontBytes = 20 << 10
  /// What is smaller is left to the heap.
  private static let leastBytes = 1 << 10

  /// The address sanitizer sees neither into mapped pages nor beyond blocks in them: what a session
  /// holds would be a leak to it. With it all comes from the heap.
  private static let isWatched = dlsym(nil, "__asan_init") != nil

  init() {
    let mapped =
      Self.isWatched
      ? nil
      : mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    base = mapped == MAP_FAILED ? nil : mapped
    // A huge page would be all there at its first byte.
    if let base { madvise(base, Self.bytes, MADV_NOHUGEPAGE) }
  }

  deinit {
    if let base { munmap(base, Self.bytes) }
  }

  /// The session is made: whatever it needs from now on comes from the heap.
  func seal() { isMaking = false }

  /// As the C library takes it.
  var functions: nghttp2_mem {
    nghttp2_mem(
      mem_user_data: Unmanaged.passUnretained(self).toOpaque(),
      malloc: { count, owner in
        SessionMemory.lend(owner, or: nil) { $0.block(count) } ?? Glibc.malloc(count)
      },
      free: { block, owner in
        if !SessionMemory.lend(owner, or: false, { $0.owns(block) }) { Glibc.free(block) }
      },
      calloc: { count, size, owner in
        let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow else { return nil }
        // Mapped pages are zero.
        return SessionMemory.lend(owner, or: nil) { $0.block(bytes) } ?? Glibc.calloc(count, size)
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

  @inline(__always)
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
  private func owns(_ block: UnsafeMutableRawPointer?) -> Bool {
    guard let block, let base else { return false }
    return block >= base && block < base + Self.bytes
  }

  private func resize(
    _ block: UnsafeMutableRawPointer?, _ count: Int
  ) -> UnsafeMutableRawPointer? {
    guard let block else { return self.block(count) ?? Glibc.malloc(count) }
    guard let base, owns(block) else { return Glibc.realloc(block, count) }
    guard let moved = Glibc.malloc(count) else { return nil }
    // How long the block was is not known; what lies behind it is ours as well.
    moved.copyMemory(from: block, byteCount: min(count, base + Self.bytes - block))
    return moved
  }
}
