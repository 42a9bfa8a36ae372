/// Names a stream for as long as it lives. One that outlives its stream names nothing: the place
/// may hold another stream by then, the generation tells them apart.
public struct StreamHandle: Sendable, Hashable {
  /// The place in the slab; small, and used again after the stream is gone. A layer above may keep
  /// its own state of the stream in an array by it.
  public let index: Int
  /// Which of the streams that had this place.
  public let generation: UInt32

  init(index: Int, generation: UInt32) {
    self.index = index
    self.generation = generation
  }

  /// As what the C library carries for us: never a pointer, never dereferenced. Never nil, as
  /// generations start at 1.
  var bits: UnsafeMutableRawPointer? {
    let packed = UInt(generation) << 32 | UInt(truncatingIfNeeded: index) & 0xffff_ffff
    return UnsafeMutableRawPointer(bitPattern: packed)
  }

  init?(bits: UnsafeMutableRawPointer?) {
    guard let bits else { return nil }
    let packed = UInt(bitPattern: bits)
    self.init(
      index: Int(packed & 0xffff_ffff), generation: UInt32(truncatingIfNeeded: packed >> 32))
  }
}

/// Streams by handle, each in a place of its own: looking one up copies and counts nothing. A stale
/// handle finds nothing, so state is never used after it was freed.
///
/// Safety: owns its memory alone. What it lends is good until the next `insert`, and whoever looks
/// an element up is done with it by then.
struct Slab<Element>: ~Copyable {
  private struct Mark {
    var generation: UInt32 = 1
    var isTaken = false
  }

  private var marks: [Mark] = []
  private var free: [Int] = []
  /// As many places as `capacity`; those whose marks say so hold an element.
  private var elements: UnsafeMutablePointer<Element>?
  private var capacity = 0

  private static var leastCapacity: Int { 4 }

  init() {}

  deinit {
    for index in marks.indices where marks[index].isTaken { place(index)?.deinitialize(count: 1) }
    elements?.deallocate()
  }

  /// Places that hold an element, or whose removed one somebody may still refer to.
  var count: Int { marks.count - free.count }

  mutating func insert(_ element: consuming Element) -> StreamHandle {
    let index: Int
    if let last = free.popLast() {
      index = last
    } else {
      index = marks.count
      marks.append(Mark())
      if index == capacity { grow() }
    }
    place(index)?.initialize(to: element)
    marks[index].isTaken = true
    return StreamHandle(index: index, generation: marks[index].generation)
  }

  private func place(_ index: Int) -> UnsafeMutablePointer<Element>? {
    elements.map { $0 + index }
  }

  private mutating func grow() {
    let larger = max(Self.leastCapacity, capacity * 2)
    let moved = UnsafeMutablePointer<Element>.allocate(capacity: larger)
    for index in 0..<capacity where marks[index].isTaken {
      if let old = place(index) { (moved + index).moveInitialize(from: old, count: 1) }
    }
    elements?.deallocate()
    elements = moved
    capacity = larger
  }

  /// The element; nil for a stale handle.
  subscript(handle: StreamHandle) -> UnsafeMutablePointer<Element>? {
    guard handle.index < marks.count, marks[handle.index].generation == handle.generation,
      marks[handle.index].isTaken
    else { return nil }
    return place(handle.index)
  }

  /// Takes the element out. Its place is not given to another before `reuse`: who learns of the end
  /// later than we do still has something of its own there.
  mutating func remove(_ handle: StreamHandle) -> Element? {
    guard let element = self[handle] else { return nil }
    marks[handle.index].isTaken = false
    marks[handle.index].generation &+= 1
    if marks[handle.index].generation == 0 { marks[handle.index].generation = 1 }
    return element.move()
  }

  /// Lets the place of a removed element be taken again.
  mutating func reuse(_ handle: StreamHandle) {
    free.append(handle.index)
  }

  var handles: [StreamHandle] {
    marks.indices.compactMap { index in
      guard marks[index].isTaken else { return nil }
      return StreamHandle(index: index, generation: marks[index].generation)
    }
  }
}
