@testable import HTTP2

/// The session alone, on either side: frames come in, and between them whatever a layer above may
/// ask of it. Holds it to its books: no stream and no byte may be left once all is over.
enum SessionTarget {
  private static let requests = [
    FrameGrammar.request("/a/B"), FrameGrammar.request("/a/B", [("x", "y")]),
    FrameGrammar.block([("grpc-status", "0")]),
  ]
  private static let answers = [
    [0x88] + FrameGrammar.block([("content-type", "application/grpc")]),
    FrameGrammar.block([("grpc-status", "0")]), FrameGrammar.block([(":status", "103")]),
  ]

  static func server(_ bytes: [UInt8]) throws { try run(bytes, .server, requests) }

  static func client(_ bytes: [UInt8]) throws { try run(bytes, .client, answers) }

  private static func run(_ bytes: [UInt8], _ role: Role, _ heads: [[UInt8]]) throws {
    var input = FuzzInput(bytes)
    var settings = SessionSettings(role: role)
    let shape = input.byte()
    if shape & 1 == 1 {
      settings.streamsMax = 3
      settings.headerListBytesMax = 256
      settings.streamWindow = 64
      settings.outboundFramesMax = 16
    }
    let commands = input.bytes(Int(input.byte() & 0x3F))
    guard let session = try? Session(settings) else { return }
    let driver = SessionDriver(session, commands)
    var pieces = shape & 2 == 0 ? [input.remainder()] : FrameGrammar.pieces(&input, heads: heads)
    if role == .server, shape & 4 == 0 { pieces.insert(FrameGrammar.preface, at: 0) }
    if role == .client { driver.openSome() }
    for piece in pieces where driver.goesOn { driver.turn(piece) }
    try driver.end()
  }
}

/// Does with a session what its owner may do, as the fuzzer says.
private final class SessionDriver: SessionEvents {
  private let session: Session
  private var commands: ArraySlice<UInt8>
  private let all: [UInt8]
  private var open: [StreamHandle] = []
  private var gone: [StreamHandle] = []
  private var answered: Set<StreamHandle> = []
  private var finding: Finding?
  private var isBroken = false
  private var now: Int64 = 0

  private static let head = FieldBlock([(":status", "200"), ("content-type", "application/grpc")])
  private static let trailers = FieldBlock([("grpc-status", "0")])
  private static let request = FieldBlock([
    (":method", "POST"), (":scheme", "http"), (":path", "/a/B"), (":authority", "x"),
  ])

  init(_ session: Session, _ commands: [UInt8]) {
    self.session = session
    self.commands = commands[...]
    all = commands
  }

  var goesOn: Bool { !isBroken && session.isAlive && finding == nil }

  func openSome() {
    for _ in 0..<3 { obey(13) }
    flush()
  }

  func turn(_ bytes: [UInt8]) {
    now += 10_000_000
    do {
      try bytes.withUnsafeBytes { try session.receive($0, now: now) }
    } catch {
      isBroken = true
    }
    session.drainEvents(to: self)
    obey()
    flush()
  }

  private func flush() {
    for _ in 0..<64 {
      guard let isDone = try? session.send(limit: 16 << 10, now: now, { _ in }) else {
        isBroken = true
        break
      }
      session.drainEvents(to: self)
      if isDone { break }
    }
  }

  func end() throws {
    session.abandonStreams()
    session.drainEvents(to: self)
    if let finding { throw finding }
    try expect(session.openStreams == 0, "\(session.openStreams) streams are left")
    try expect(session.outboundBytes == 0, "\(session.outboundBytes) bytes are left")
    try expect(open.isEmpty, "\(open.count) streams never closed")
  }

  // MARK: Commands

  private func obey() {
    if commands.isEmpty { commands = all[...] }
    if let command = commands.popFirst() { obey(command) }
  }

  private func obey(_ command: UInt8) {
    if command & 0x0F == 13 {
      if session.settings.role == .client, let stream = try? session.request(headers: Self.request)
      {
        open.append(stream)
      }
      return
    }
    // A command to a stream that is gone does nothing, so those are tried as well.
    let known = command & 0x80 == 0 ? open : gone
    guard !known.isEmpty else { return }
    let stream = known[Int(command >> 4 & 7) % known.count]
    obey(command & 0x0F, stream)
  }

  private func obey(_ command: UInt8, _ stream: StreamHandle) {
    let mayAnswer = session.settings.role == .server && !answered.contains(stream)
    switch command {
    case 0: session.consume(stream, 5)
    case 1 where mayAnswer:
      answered.insert(stream)
      session.respond(stream, trailersOnly: Self.trailers)
    case 2 where mayAnswer:
      answered.insert(stream)
      session.append(stream, head: 7 << 8, headCount: 5, [1, 2, 3])
      session.finish(stream, trailers: Self.trailers)
      session.respond(stream, headers: Self.head)
    case 3 where mayAnswer:
      answered.insert(stream)
      session.respond(stream, headers: Self.head)
      session.append(stream, [UInt8](repeating: 7, count: 100_000))
    case 4: session.reset(stream, .cancel)
    case 5: session.tellWhenDrained(stream)
    case 6: session.append(stream, [UInt8](repeating: 1, count: 40))
    case 7: session.ping()
    case 8: session.announceShutdown()
    case 9: session.stopAccepting()
    case 10: session.terminate(.noError)
    case 11: session.finish(stream)
    case 12: session.finish(stream, trailers: Self.trailers)
    case 14: session.consume(stream, 1 << 20)
    default: _ = session.pendingBytes(stream)
    }
  }

  // MARK: What the session tells

  func headersArrived(_ stream: StreamHandle, _ fields: ReceivedFields, end: Bool) {
    if !open.contains(stream) { open.append(stream) }
    var bytes = 0
    fields.forEach { name, value in bytes += name.count + value.count + 32 }
    if bytes > session.settings.headerListBytesMax {
      finding = Finding(description: "\(bytes) bytes of headers were let in")
    }
    obey()
  }

  func dataArrived(_ stream: StreamHandle, _ bytes: UnsafeRawBufferPointer, end: Bool) {
    if !open.contains(stream) { finding = Finding(description: "data of no open stream") }
    session.consume(stream, bytes.count)
    obey()
  }

  func streamDrained(_ stream: StreamHandle) { obey() }

  func streamClosed(_ stream: StreamHandle, _ code: ErrorCode, unprocessed: Bool) {
    open.removeAll { $0 == stream }
    gone.append(stream)
  }

  func goAwayArrived(_ code: ErrorCode, told: String) { obey() }

  func settingsArrived() {}

  func pongArrived(_ tag: UInt64) {}
}
