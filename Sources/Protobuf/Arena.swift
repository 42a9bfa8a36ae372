import CProtobufC

/// Memory for the C structs of one message: handed out by moving a pointer, given back all at once.
///
/// The first block lies on the stack, so a small message costs no heap allocation. Only generated
/// code and this room see it; it must not outlive the closure it was lent to.
public struct Arena {
  /// Lives at the start of the first block.
  private let state: UnsafeMutablePointer<ArenaState>

  /// Lends an arena to `body` and frees everything it handed out afterwards. Not generic, so that
  /// no type has to be looked up at run time.
  /// - Parameter budget: bytes that `allocator` may hand out before it answers NULL.
  static func lend(budget: Int, _ body: (Arena) -> Void) {
    // 1024 bytes is the most that Swift still places on the stack.
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 16) { first in
      if let start = first.baseAddress {
        let arena = Arena(start: start, byteCount: 1024, budget: budget)
        body(arena)
        arena.release()
      }
    }
  }

  private init(start: UnsafeMutableRawPointer, byteCount: Int, budget: Int) {
    state = start.bindMemory(to: ArenaState.self, capacity: 1)
    let used = (MemoryLayout<ArenaState>.size + 15) & ~15
    state.initialize(
      to: ArenaState(
        allocator: ProtobufCAllocator(
          alloc: { data, size in Arena.bounded(data, size) },
          free: { _, _ in },
          allocator_data: start),
        cursor: start + used, end: start + byteCount, budget: budget, blocks: nil))
  }

  /// Whether the budget has refused an allocation.
  var isSpent: Bool { state.pointee.isSpent }

  /// What libprotobuf-c allocates through.
  var allocator: UnsafeMutablePointer<ProtobufCAllocator> {
    UnsafeMutableRawPointer(state).assumingMemoryBound(to: ProtobufCAllocator.self)
  }

  private static func bounded(
    _ data: UnsafeMutableRawPointer?, _ size: Int
  ) -> UnsafeMutableRawPointer? {
    guard let data, size >= 0 else { return nil }
    let state = data.assumingMemoryBound(to: ArenaState.self)
    guard size <= state.pointee.budget else {
      state.pointee.isSpent = true
      return nil
    }
    state.pointee.budget &-= size
    return take(state, size)
  }

  /// Hands out memory aligned to 16 bytes, whatever the budget says: for encoding, where the
  /// values exist already.
  public func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer {
    Arena.take(state, byteCount)
  }

  private static func take(
    _ state: UnsafeMutablePointer<ArenaState>, _ byteCount: Int
  ) -> UnsafeMutableRawPointer {
    let size = (byteCount &+ 15) & ~15
    let start = state.pointee.cursor
    if size <= state.pointee.end - start {
      state.pointee.cursor = start + size
      return start
    }
    return grow(state, size)
  }

  private static func grow(
    _ state: UnsafeMutablePointer<ArenaState>, _ size: Int
  ) -> UnsafeMutableRawPointer {
    // A large piece gets a block of its own, so that the rest of the current one is not wasted.
    let own = size > 8192
    let byteCount = own ? size &+ 16 : 32_768
    let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
    block.storeBytes(of: state.pointee.blocks, as: UnsafeMutableRawPointer?.self)
    state.pointee.blocks = block
    if !own {
      state.pointee.cursor = block + 16 + size
      state.pointee.end = block + byteCount
    }
    return block + 16
  }

  private func release() {
    var next = state.pointee.blocks
    while let block = next {
      next = block.load(as: UnsafeMutableRawPointer?.self)
      block.deallocate()
    }
  }
}

/// What an arena knows; the allocator comes first so that one pointer serves as both.
struct ArenaState {
  var allocator: ProtobufCAllocator
  var cursor: UnsafeMutableRawPointer
  var end: UnsafeMutableRawPointer
  var budget: Int
  /// The newest heap block; each starts with the address of the one before.
  var blocks: UnsafeMutableRawPointer?
  var isSpent = false
}
