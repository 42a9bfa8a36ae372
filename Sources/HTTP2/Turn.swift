/// What happened while bytes were read or sent, in order.
///
/// The bytes of fields and bodies lie in one flat buffer that is kept from turn to turn, so that
/// noting an event allocates nothing.
struct Turn {
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
    case goAway(ErrorCode)
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
  var bytes: [UInt8] = []
  /// Where the fields of a block begin whose end has not been read yet.
  var openBlock: Int?

  mutating func clear() {
    events.removeAll(keepingCapacity: true)
    if let start = openBlock { return keep(from: start) }
    fields.removeAll(keepingCapacity: true)
    // One large turn must not hold its memory for as long as the connection lives.
    bytes.removeAll(keepingCapacity: bytes.capacity <= 256 << 10)
  }

  /// Forgets everything but the fields of the open block.
  private mutating func keep(from start: Int) {
    var kept = Turn()
    for extent in fields[start...] {
      let at = kept.bytes.count
      let end = extent.start + extent.name + extent.value
      kept.bytes.append(contentsOf: bytes[extent.start..<end])
      kept.fields.append(Extent(start: at, name: extent.name, value: extent.value))
    }
    fields = kept.fields
    bytes = kept.bytes
    openBlock = 0
  }

  mutating func append(_ pointer: UnsafePointer<UInt8>?, _ count: Int) {
    guard let pointer, count > 0 else { return }
    bytes.append(contentsOf: UnsafeBufferPointer(start: pointer, count: count))
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
