import Testing

@testable import HTTP2

/// What a peer without manners sends, and that the session ends it and nothing else.
@Suite struct HostilePeerTests {
  @Test("a bomb of headers is stopped at the limit, and its connection goes on")
  func headerBomb() throws {
    let server = try Bench.server()
    server.answer = [1]
    var script = FrameScript.opening
    let big = FrameScript.remembered("x-bomb", [UInt8](repeating: 0x61, count: 3_900))
    let block =
      FrameScript.requestBlock() + big + [UInt8](repeating: 0xbe, count: 10_000)
    script.headers(stream: 1, block, end: true)
    script.request(stream: 3)
    try server.turn(script.bytes)
    #expect(server.frames.contains { $0.type == 3 && $0.stream == 1 })
    #expect(server.streams.count == 1)
    #expect(server.frames.contains { $0.type == 0 && $0.stream == 3 && $0.payload == [1] })
    #expect(server.goAway == nil)
  }

  @Test("too many fields, and one field too large, are refused", arguments: [true, false])
  func fieldLimits(many: Bool) throws {
    let server = try Bench.server()
    var block = FrameScript.requestBlock()
    if many {
      for index in 0..<61 { block += FrameScript.remembered("x-\(index)", [0x61]) }
    } else {
      block += FrameScript.remembered("x", [UInt8](repeating: 0x61, count: 8_192))
    }
    var script = FrameScript.opening
    script.headers(stream: 1, block, end: true)
    try server.turn(script.bytes)
    #expect(server.streams.isEmpty)
    #expect(server.frames.contains { $0.type == 3 && $0.stream == 1 })
  }

  @Test("as many fields as allowed pass")
  func fieldEdge() throws {
    let server = try Bench.server()
    var block = FrameScript.requestBlock()
    for index in 0..<60 { block += FrameScript.remembered("x-\(index)", [0x61]) }
    var script = FrameScript.opening
    script.headers(stream: 1, block, end: true)
    try server.turn(script.bytes)
    #expect(server.streams.count == 1)
  }

  @Test("streams opened and reset at once end the connection soon")
  func rapidReset() throws {
    let server = try Bench.server()
    try server.turn(FrameScript.opening.bytes)
    var begun = 0
    for index in 0..<10_000 where server.session.isAlive {
      var script = FrameScript()
      script.request(stream: UInt32(index * 2 + 1), end: false)
      script.reset(stream: UInt32(index * 2 + 1))
      try server.turn(script.bytes)
      begun = index
    }
    #expect(begun < 200)
    #expect(server.goAway != nil)
    #expect(!server.session.isAlive)
  }

  @Test(
    "who gives up too many streams opens no more and finishes the rest; who goes on is sent away",
    arguments: [true, false])
  func canceller(goesOn: Bool) throws {
    let server = try Bench.server { $0.resetsReceived = Rate(burst: 5, perSecond: 0) }
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    try server.turn(script.bytes)
    func giveUp(_ stream: Int) throws {
      var script = FrameScript()
      script.request(stream: UInt32(stream), end: false)
      script.reset(stream: UInt32(stream))
      try server.turn(script.bytes)
    }
    for stream in stride(from: 3, to: 15, by: 2) { try giveUp(stream) }
    #expect(server.goAway == .enhanceYourCalm && server.bounds == [.resetsReceived])
    #expect(server.session.isAlive)
    let seen = server.streams.count
    for stream in stride(from: 15, to: 31, by: 2) { try giveUp(stream) }
    #expect(server.session.isAlive && server.streams.count == seen)
    if goesOn {
      for stream in stride(from: 31, to: 61, by: 2) where server.session.isAlive {
        try giveUp(stream)
      }
    } else {
      server.answer = [1]
      var end = FrameScript()
      end.data(stream: 1, [], end: true)
      try server.turn(end.bytes)
    }
    #expect(server.frames.contains { $0.stream == 1 && $0.payload == [1] } == !goesOn)
    #expect(!server.session.isAlive)
  }

  @Test("a peer that makes us reset its streams is sent away")
  func madeYouReset() throws {
    let server = try Bench.server()
    try server.turn(FrameScript.opening.bytes)
    var begun = 0
    for index in 0..<20_000 where server.session.isAlive {
      var script = FrameScript()
      script.request(stream: UInt32(index * 2 + 1), end: false)
      script.window(stream: UInt32(index * 2 + 1), 0x7fff_ffff)
      try server.turn(script.bytes)
      begun = index
    }
    #expect(begun < 100)
    #expect(server.goAway == .enhanceYourCalm)
  }

  @Test(
    "floods of cheap frames end the connection",
    arguments: ["ping", "settings", "priority", "empty data"])
  func floods(kind: String) throws {
    let server = try Bench.server()
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    try server.turn(script.bytes)
    for _ in 0..<2_000 where server.session.isAlive {
      var flood = FrameScript()
      switch kind {
      case "ping": flood.ping()
      case "settings": flood.settings()
      case "priority": flood.priority(stream: 1)
      default: flood.data(stream: 1, [], end: false)
      }
      try server.turn(flood.bytes)
    }
    #expect(server.goAway == .enhanceYourCalm)
    #expect(!server.session.isAlive)
  }

  @Test("pings between answers are no flood")
  func pingsWithAnswers() throws {
    let server = try Bench.server()
    server.answer = [1]
    try server.turn(FrameScript.opening.bytes)
    for index in 0..<500 {
      var script = FrameScript()
      script.request(stream: UInt32(index * 2 + 1))
      script.ping()
      try server.turn(script.bytes)
    }
    #expect(server.goAway == nil)
  }

  @Test("a frame above the size agreed ends the connection")
  func oversizedFrame() throws {
    let server = try Bench.server()
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    script.data(stream: 1, [UInt8](repeating: 0, count: 16_385), end: true)
    try server.turn(script.bytes)
    #expect(server.goAway != nil)
    #expect(!server.session.isAlive)
  }

  @Test("headers that never end are cut off")
  func continuations() throws {
    let server = try Bench.server()
    var script = FrameScript.opening
    script.frame(1, stream: 1, FrameScript.requestBlock())
    for _ in 0..<20 { script.frame(9, stream: 1, FrameScript.literal(name: 1, "y")) }
    #expect(throws: (any Error).self) {
      try server.turn(script.bytes)
      if !server.session.isAlive { throw SessionError.broken("ended") }
    }
    #expect(server.streams.isEmpty)
  }

  @Test("what is not HTTP/2 is broken at once")
  func badPreface() throws {
    let server = try Bench.server()
    #expect(throws: SessionError.self) {
      try server.turn(Array("GET / HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
    }
  }

  /// Without CONTINUATION: libnghttp2 1.52 counts every partial read of such a frame's head as one
  /// more frame, and so refuses some that arrive byte by byte.
  private static var conversation: [UInt8] {
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    script.data(stream: 1, [1, 2, 3, 4, 5], end: false)
    script.data(stream: 1, [6], end: true)
    script.request(stream: 3, end: false)
    script.window(stream: 0, 10)
    script.reset(stream: 3)
    script.frame(7, stream: 0, FrameScript.big(0) + FrameScript.big(0))
    return script.bytes
  }

  @Test("a conversation cut at any byte leaves a session that stands")
  func truncated() throws {
    let whole = Self.conversation
    for cut in 0...whole.count {
      let server = try Bench.server()
      server.answer = [9, 9]
      try server.turn(Array(whole.prefix(cut)))
      server.session.abandonStreams()
      server.session.drainEvents(to: server)
      #expect(server.session.openStreams == 0)
    }
  }

  @Test("how the bytes are cut makes no difference", arguments: [1, 2, 3, 7, 64])
  func pieces(size: Int) throws {
    let whole = Self.conversation
    let once = try Bench.server()
    try once.turn(whole)
    let bits = try Bench.server()
    for start in stride(from: 0, to: whole.count, by: size) {
      try bits.turn(Array(whole[start..<min(whole.count, start + size)]))
    }
    #expect(bits.body == once.body)
    let heads = { (bench: Bench) in
      bench.events.filter { if case .headers = $0 { true } else { false } }
    }
    #expect(heads(bits) == heads(once))
    #expect(heads(once).count == 2)
  }

  @Test("noise is survived", arguments: 0..<64)
  func noise(seed: UInt64) throws {
    var random = Noise(state: seed &* 0x9e37_79b9_7f4a_7c15 | 1)
    let server = try Bench.server()
    server.answer = [1, 2, 3]
    try server.turn(FrameScript.opening.bytes)
    for _ in 0..<200 where server.session.isAlive {
      var script = FrameScript()
      let stream = UInt32(random.next() % 16)
      if random.next() % 3 == 0 { script.request(stream: stream | 1, end: random.next() % 2 == 0) }
      let count = Int(random.next() % 24)
      let payload = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      script.frame(
        UInt8(random.next() % 12), flags: UInt8(truncatingIfNeeded: random.next()), stream: stream,
        payload)
      do { try server.turn(script.bytes) } catch { break }
    }
    server.session.abandonStreams()
    server.session.drainEvents(to: server)
    #expect(server.session.openStreams == 0)
  }
}

/// Numbers that look random and are the same in every run.
struct Noise: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
