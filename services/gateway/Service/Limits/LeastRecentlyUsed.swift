/// A dictionary of bounded size that forgets what was not used for longest.
struct LeastRecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Slot: Sendable {
    var key: Key
    var value: Value
    var newer: Int?
    var older: Int?
  }

  private let capacity: Int
  private var slots: [Slot] = []
  private var free: [Int] = []
  private var index: [Key: Int] = [:]
  private var newest: Int?
  private var oldest: Int?

  /// - Parameter capacity: entries kept, at least 1.
  init(capacity: Int) {
    self.capacity = max(capacity, 1)
  }

  /// Entries in it.
  var count: Int { index.count }

  /// The value of a key, which counts as a use; setting nil removes it.
  subscript(key: Key) -> Value? {
    mutating get {
      guard let position = index[key] else { return nil }
      touch(position)
      return slots[position].value
    }
    set {
      guard let newValue else { return remove(key) }
      if let position = index[key] {
        slots[position].value = newValue
        return touch(position)
      }
      if index.count == capacity, let oldest { remove(slots[oldest].key) }
      insert(key, newValue)
    }
  }

  /// Removes the entries that the test holds for.
  mutating func removeAll(where gone: (Key, Value) -> Bool) {
    let keys = index.filter { gone($0.key, slots[$0.value].value) }.map(\.key)
    for key in keys { remove(key) }
  }

  /// Removes everything.
  mutating func removeAll() {
    self = Self(capacity: capacity)
  }

  private mutating func insert(_ key: Key, _ value: Value) {
    let slot = Slot(key: key, value: value, newer: nil, older: nil)
    let position: Int
    if let reused = free.popLast() {
      slots[reused] = slot
      position = reused
    } else {
      slots.append(slot)
      position = slots.count - 1
    }
    index[key] = position
    link(position)
  }

  private mutating func remove(_ key: Key) {
    guard let position = index.removeValue(forKey: key) else { return }
    unlink(position)
    free.append(position)
  }

  private mutating func touch(_ position: Int) {
    guard newest != position else { return }
    unlink(position)
    link(position)
  }

  private mutating func link(_ position: Int) {
    slots[position].newer = nil
    slots[position].older = newest
    if let newest { slots[newest].newer = position }
    newest = position
    if oldest == nil { oldest = position }
  }

  private mutating func unlink(_ position: Int) {
    let slot = slots[position]
    if let newer = slot.newer { slots[newer].older = slot.older } else { newest = slot.older }
    if let older = slot.older { slots[older].newer = slot.newer } else { oldest = slot.newer }
  }
}
