/// A first-in-first-out line in one array, without shifting at each removal.
struct Ring<Element> {
  private var elements: [Element] = []
  private var head = 0

  var isEmpty: Bool { head == elements.count }
  var count: Int { elements.count - head }
  var first: Element? { isEmpty ? nil : elements[head] }

  mutating func append(_ element: Element) { elements.append(element) }

  @discardableResult
  mutating func popFirst() -> Element? {
    guard !isEmpty else { return nil }
    let element = elements[head]
    head += 1
    if head == elements.count {
      elements.removeAll(keepingCapacity: true)
      head = 0
    } else if head >= 64, head * 2 >= elements.count {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }

  /// Takes everything out.
  mutating func removeAll() -> [Element] {
    defer {
      elements.removeAll(keepingCapacity: true)
      head = 0
    }
    return Array(elements[head...])
  }

  /// Keeps what the test says to keep; answers the rest in order.
  mutating func removeAll(where leaves: (Element) -> Bool) -> [Element] {
    var left: [Element] = []
    var kept: [Element] = []
    for element in elements[head...] {
      if leaves(element) { left.append(element) } else { kept.append(element) }
    }
    elements = kept
    head = 0
    return left
  }

  func forEach(_ body: (Element) -> Void) {
    for index in head..<elements.count { body(elements[index]) }
  }
}
