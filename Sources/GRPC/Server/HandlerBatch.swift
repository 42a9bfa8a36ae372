/// Calls whose handlers begin one after the other.
struct HandlerBatch {
  var calls: [ServerCall] = []
  /// The first that has not begun.
  var next = 0
  /// Which task may take calls; another number for each.
  var task: UInt64 = 0
  var isRunning = false

  mutating func clear() {
    calls.removeAll(keepingCapacity: true)
    next = 0
    isRunning = false
  }
}
