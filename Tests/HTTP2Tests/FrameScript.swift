@testable import HTTP2

/// HTTP/2 frames written by hand: what a peer sends that has no library to keep it honest.
struct FrameScript {
  private(set) var bytes: [UInt8] = []

  /// What every client says first.
  static var opening: FrameScript {
    var script = FrameScript()
    script.bytes += "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8
    script.settings()
    return script
  }

  mutating func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = []) {
    bytes += Self.big(UInt32(payload.count)).dropFirst()
    bytes += [type, flags] + Self.big(stream) + payload
  }

  mutating func settings(_ pairs: [(UInt16, UInt32)] = []) {
    var payload: [UInt8] = []
    for (id, value) in pairs { payload += Self.big(UInt32(id)).suffix(2) + Self.big(value) }
    frame(4, stream: 0, payload)
  }

  /// A request of four fields, each written out or from the static table.
  mutating func request(stream: UInt32, path: String = "/a/B", end: Bool = true) {
    headers(stream: stream, Self.requestBlock(path: path), end: end)
  }

  mutating func headers(stream: UInt32, _ block: [UInt8], end: Bool) {
    frame(1, flags: end ? 5 : 4, stream: stream, block)
  }

  mutating func data(stream: UInt32, _ payload: [UInt8], end: Bool) {
    frame(0, flags: end ? 1 : 0, stream: stream, payload)
  }

  mutating func reset(stream: UInt32) { frame(3, stream: stream, Self.big(8)) }

  mutating func window(stream: UInt32, _ increment: UInt32) {
    frame(8, stream: stream, Self.big(increment))
  }

  mutating func ping() { frame(6, stream: 0, [UInt8](repeating: 7, count: 8)) }

  mutating func priority(stream: UInt32) { frame(2, stream: stream, [0, 0, 0, 0, 1]) }

  static func requestBlock(path: String = "/a/B") -> [UInt8] {
    // :method POST and :scheme http from the static table, :path and :authority as literals.
    [0x83, 0x86] + literal(name: 4, path) + literal(name: 1, "x")
  }

  /// A field with a name of the static table, not put into the dynamic one.
  static func literal(name: UInt8, _ value: String) -> [UInt8] {
    [name] + length(value.utf8.count) + Array(value.utf8)
  }

  /// A field that goes into the dynamic table.
  static func remembered(_ name: String, _ value: [UInt8]) -> [UInt8] {
    [0x40] + length(name.utf8.count) + Array(name.utf8) + length(value.count) + value
  }

  private static func length(_ count: Int) -> [UInt8] {
    guard count >= 127 else { return [UInt8(count)] }
    var out: [UInt8] = [127]
    var rest = count - 127
    while rest >= 128 {
      out.append(UInt8(rest & 127 | 128))
      rest >>= 7
    }
    return out + [UInt8(rest)]
  }

  static func big(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
  }
}

/// A frame that a session sent.
struct SentFrame: Equatable {
  var type: UInt8
  var flags: UInt8
  var stream: UInt32
  var payload: [UInt8]

  /// The error code of a RST_STREAM or GOAWAY frame.
  var errorCode: ErrorCode? {
    guard type == 3 || type == 7 else { return nil }
    let at = type == 3 ? 0 : 4
    guard payload.count >= at + 4 else { return nil }
    return ErrorCode(rawValue: payload[at..<(at + 4)].reduce(0) { $0 << 8 | UInt32($1) })
  }

  static func all(in bytes: [UInt8]) -> [SentFrame] {
    var frames: [SentFrame] = []
    var rest = bytes[...]
    while rest.count >= 9 {
      let head = Array(rest.prefix(9))
      let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      let stream = head[5...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      frames.append(
        SentFrame(
          type: head[3], flags: head[4], stream: stream,
          payload: Array(rest.dropFirst(9).prefix(count))))
      rest = rest.dropFirst(9 + count)
    }
    return frames
  }
}

/// A session with its events written down.
final class Bench: SessionEvents {
  enum Event: Equatable {
    case headers([String: String], end: Bool)
    case data([UInt8], end: Bool)
    case drained
    case closed(ErrorCode, unprocessed: Bool)
    case goAway
    case settings
    case pong(UInt64)
  }

  let session: Session
  var events: [Event] = []
  var streams: [StreamHandle] = []
  var bounds: [SessionBound] = []
  var sent: [UInt8] = []
  /// Answers each request, once it has ended, with this body.
  var answer: [UInt8]?
  var now: Int64 = 0
  /// Gives the peer new room for what it sent.
  var consumes = true

  init(_ settings: SessionSettings) throws { session = try Session(settings) }

  static func server(_ change: (inout SessionSettings) -> Void = { _ in }) throws -> Bench {
    var settings = SessionSettings(role: .server)
    change(&settings)
    return try Bench(settings)
  }

  /// Feeds bytes and sends what came of them.
  func turn(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try session.receive($0, now: now) }
    session.drainEvents(to: self)
    try flush()
  }

  func flush() throws {
    _ = try session.send(limit: 1 << 24, now: now) { sent.append(contentsOf: $0) }
    session.drainEvents(to: self)
  }

  var frames: [SentFrame] { SentFrame.all(in: sent) }
  var goAway: ErrorCode? { frames.first { $0.type == 7 }?.errorCode }

  /// The bytes of bodies that arrived.
  var body: [UInt8] {
    events.flatMap { if case .data(let bytes, _) = $0 { bytes } else { [UInt8]() } }
  }

  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
    var pairs: [String: String] = [:]
    fields.forEach {
      pairs[String(decoding: $0, as: UTF8.self)] = String(decoding: $1, as: UTF8.self)
    }
    events.append(.headers(pairs, end: end))
    if streams.last != stream { streams.append(stream) }
    if end { reply(stream) }
  }

  private func reply(_ stream: StreamHandle) {
    guard let answer else { return }
    session.append(stream, answer)
    session.finish(stream, trailers: FieldBlock([("grpc-status", "0")]))
    session.respond(stream, headers: FieldBlock([(":status", "200")]))
  }

  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    events.append(.data(Array(bytes), end: end))
    if consumes { session.consume(stream, bytes.count) }
    if end { reply(stream) }
  }

  func streamDrained(_ stream: StreamHandle) { events.append(.drained) }

  func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool) {
    events.append(.closed(code, unprocessed: unprocessed))
  }

  func goAwayArrived(_ code: ErrorCode, told: String) { events.append(.goAway) }
  func settingsArrived() { events.append(.settings) }
  func pongArrived(_ tag: UInt64) { events.append(.pong(tag)) }
  func boundReached(_ bound: SessionBound) { bounds.append(bound) }
}
