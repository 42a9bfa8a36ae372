/// What happened while bytes were read or sent, in order.
///
/// The bytes of fields and bodies lie in one flat buffer that is kept from turn to turn, so that
/// noting an event allocates nothing.
struct Turn: ~Copyable {
  enum Event {
    /// A block of headers or trailers is complete; `fields` indexes into `Turn.fields`.
    case headers(StreamHandle, fields: Range<Int>, end: Bool)
    /// Bytes of a body; `bytes` indexes into `Turn.bytes`.
    case data(StreamHandle, bytes: Range<Int>, end: Bool)
    /// The peer sends no more on the stream.
    case end(StreamHandle)
    /// What waited to be sent on the stream has gone down to a level where more is welcome.
    case drained(StreamHandle)
    /// The stream is gone.
    case closed(StreamHandle, ErrorCode, unprocessed: Bool)
    /// The peer takes no new streams.
    case goAway(ErrorCode, told: String)
    /// The peer's settings arrived.
    case settings
    /// A ping of ours was answered.
    case pong(UInt64)
    /// The peer reached a bound.
    case reached(SessionBound)
  }

  struct Extent {
    var start: Int
    var name: Int
    var value: Int
  }

  var events: [Event] = []
  var fields: [Extent] = []
  var bytes = TurnBytes()
  /// Where the fields of a block begin whose end has not been read yet.
  var openBlock: Int?

  mutating func clear() {
    events.removeAll(keepingCapacity: true)
    if let start = openBlock { return keep(from: start) }
    fields.removeAll(keepingCapacity: true)
    // One large turn must not hold its memory for as long as the connection lives.
    if bytes.capacity <= 256 << 10 { bytes.removeAll() } else { bytes = TurnBytes() }
  }

  /// Forgets everything but the fields of the open block.
  private mutating func keep(from start: Int) {
    var keptFields: [Extent] = []
    var keptBytes = TurnBytes()
    bytes.withUnsafeBytes { bytes in
      for extent in fields[start...] {
        keptFields.append(
          Extent(start: keptBytes.count, name: extent.name, value: extent.value))
        let end = extent.start + extent.name + extent.value
        keptBytes.append(UnsafeRawBufferPointer(rebasing: bytes[extent.start..<end]))
      }
    }
    fields = keptFields
    bytes = keptBytes
    openBlock = 0
  }
}

/// The bytes of a turn, one behind the other. Every field that arrives is added, which an array
/// makes five times as dear.
///
/// Safety: owns its memory alone; what it lends is lent for the length of a call.
struct TurnBytes: ~Copyable {
  private var base: UnsafeMutableRawPointer?
  private(set) var capacity = 0
  private(set) var count = 0

  private static let leastCapacity = 1 << 10

  init() {}

  deinit { base?.deallocate() }

  @inline(__always)
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    if bytes.count > capacity &- count { grow(by: bytes.count) }
    guard let base else { return }
    (base + count).copyMemory(from: source, byteCount: bytes.count)
    count &+= bytes.count
  }

  private mutating func grow(by more: Int) {
    capacity = max(Self.leastCapacity, capacity * 2, count + more)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    if let base {
      larger.copyMemory(from: base, byteCount: count)
      base.deallocate()
    }
    base = larger
  }

  /// Forgets the bytes and keeps the memory.
  mutating func removeAll() { count = 0 }

  func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    body(UnsafeRawBufferPointer(start: base, count: count))
  }
}

/// Received fields, lent for the length of a call.
public struct ReceivedFields {
  private let bytes: UnsafeRawBufferPointer
  private let extents: UnsafeBufferPointer<Turn.Extent>

  init(bytes: UnsafeRawBufferPointer, extents: UnsafeBufferPointer<Turn.Extent>) {
    self.bytes = bytes
    self.extents = extents
  }

  /// Calls with name and value of every field in order; names are in lower case.
  public func forEach(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
    for extent in extents {
      let value = extent.start + extent.name
      body(
        UnsafeRawBufferPointer(rebasing: bytes[extent.start..<value]),
        UnsafeRawBufferPointer(rebasing: bytes[value..<(value + extent.value)]))
    }
  }
}
