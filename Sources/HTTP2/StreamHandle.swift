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

/// Streams by handle; references, so that looking one up copies nothing else. A stale handle finds nothing, so state is never used after it was freed.
struct Slab<Element: AnyObject> {
  private struct Place {
    var generation: UInt32
    var element: Element?
  }

  private var places: [Place] = []
  private var free: [Int] = []

  /// Places taken.
  var count: Int { places.count - free.count }

  mutating func insert(_ element: Element) -> StreamHandle {
    guard let index = free.popLast() else {
      places.append(Place(generation: 1, element: element))
      return StreamHandle(index: places.count - 1, generation: 1)
    }
    places[index].element = element
    return StreamHandle(index: index, generation: places[index].generation)
  }

  /// The element; nil for a stale handle.
  subscript(handle: StreamHandle) -> Element? {
    guard handle.index < places.count, places[handle.index].generation == handle.generation else {
      return nil
    }
    return places[handle.index].element
  }

  /// Takes the element out. Its place is not given to another before `reuse`: who learns of the end
  /// later than we do still has something of its own there.
  mutating func remove(_ handle: StreamHandle) -> Element? {
    guard let element = self[handle] else { return nil }
    places[handle.index].element = nil
    places[handle.index].generation &+= 1
    if places[handle.index].generation == 0 { places[handle.index].generation = 1 }
    return element
  }

  /// Lets the place of a removed element be taken again.
  mutating func reuse(_ handle: StreamHandle) {
    free.append(handle.index)
  }

  var handles: [StreamHandle] {
    places.indices.compactMap { index in
      guard places[index].element != nil else { return nil }
      return StreamHandle(index: index, generation: places[index].generation)
    }
  }
}
