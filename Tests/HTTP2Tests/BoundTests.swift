import Testing

@testable import HTTP2

/// Every bound that a session keeps: what reaches it passes, one more is refused and told.
@Suite struct BoundTests {
  /// Frames of one kind, on a connection with an open stream.
  private func flood(
    _ count: Int, _ change: (inout SessionSettings) -> Void,
    _ frame: (inout FrameScript, Int) -> Void
  ) throws -> Bench {
    let server = try Bench.server(change)
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    try server.turn(script.bytes)
    for index in 0..<count where server.session.isAlive {
      var script = FrameScript()
      frame(&script, index)
      try? server.turn(script.bytes)
    }
    return server
  }

  private func expectEdge(
    _ bound: SessionBound, at limit: Int, ends: Bool = true,
    _ change: @escaping (inout SessionSettings) -> Void,
    _ frame: (inout FrameScript, Int) -> Void
  ) throws {
    let passes = try flood(limit, change, frame)
    #expect(passes.session.isAlive && passes.goAway == nil, "\(bound)")
    #expect(!passes.bounds.contains(bound), "\(bound)")
    let refused = try flood(limit + 1, change, frame)
    #expect(refused.session.isAlive != ends && refused.goAway == .enhanceYourCalm, "\(bound)")
    #expect(refused.bounds.filter { $0 == bound }.count == 1, "\(bound)")
  }

  @Test("cheap frames: as many as allowed pass, one more ends the connection")
  func frames() throws {
    try expectEdge(.pings, at: 4, { $0.pings = Rate(burst: 4, perSecond: 0) }) { script, _ in
      script.ping()
    }
    // The first SETTINGS belong to the opening.
    try expectEdge(
      .settingsFrames, at: 4, { $0.settingsFrames = Rate(burst: 5, perSecond: 0) }
    ) { script, _ in script.settings() }
    try expectEdge(.priorities, at: 4, { $0.priorities = Rate(burst: 4, perSecond: 0) }) {
      script, _ in script.priority(stream: 1)
    }
    try expectEdge(.emptyData, at: 4, { $0.emptyData = Rate(burst: 4, perSecond: 0) }) {
      script, _ in script.data(stream: 1, [], end: false)
    }
  }

  @Test("frames that are worth nothing, of each kind")
  func cheapFrames() throws {
    let kinds: [(inout FrameScript) -> Void] = [
      { $0.window(stream: 0, 1) },
      { $0.window(stream: 1, 1) },
      { $0.frame(6, flags: 1, stream: 0, [UInt8](repeating: 7, count: 8)) },
      { $0.frame(0xee, stream: 0, [1]) },
      { $0.frame(7, stream: 0, FrameScript.big(0) + FrameScript.big(0)) },
      { $0.data(stream: 1, [0], end: false) },
      { $0.data(stream: 1, [0, 0, 0, 0], end: false) },
      { $0.frame(0, flags: 8, stream: 1, [2, 9, 0, 0]) },
    ]
    for kind in kinds {
      try expectEdge(.cheapFrames, at: 4, { $0.cheapFrames = Rate(burst: 4, perSecond: 0) }) {
        script, _ in kind(&script)
      }
    }
    try expectEdge(.emptyData, at: 4, { $0.emptyData = Rate(burst: 4, perSecond: 0) }) {
      script, _ in script.frame(0, flags: 8, stream: 1, [2, 0, 0])
    }
  }

  @Test("who asks, brings or takes something may say what belongs to it")
  func earnedFrames() throws {
    let server = try Bench.server { $0.cheapFrames = Rate(burst: 4, perSecond: 0) }
    server.answer = [1, 2, 3]
    try server.turn(FrameScript.opening.bytes)
    for stream in stride(from: 1, to: 101, by: 2) as StrideTo<UInt32> {
      var script = FrameScript()
      script.request(stream: stream, end: false)
      for _ in 0..<5 {
        script.data(stream: stream, [0, 0, 0, 0, 1], end: false)
        script.data(stream: stream, [7], end: false)
      }
      script.data(stream: stream, [0, 0, 0, 0, 0], end: true)
      try server.turn(script.bytes)
      // The answer was one frame of headers and one of data.
      var thanks = FrameScript()
      for _ in 0..<4 { thanks.window(stream: 0, 3) }
      try server.turn(thanks.bytes)
    }
    #expect(server.goAway == nil && server.bounds.isEmpty)
  }

  @Test("resets of both kinds")
  func resets() throws {
    // The stream that is open may end.
    try expectEdge(
      .resetsReceived, at: 4, ends: false, { $0.resetsReceived = Rate(burst: 4, perSecond: 0) }
    ) { script, index in
      script.request(stream: UInt32(index * 2 + 3), end: false)
      script.reset(stream: UInt32(index * 2 + 3))
    }
    try expectEdge(.resetsSent, at: 4, { $0.resetsSent = Rate(burst: 4, perSecond: 0) }) {
      script, index in
      script.request(stream: UInt32(index * 2 + 3), end: false)
      script.window(stream: UInt32(index * 2 + 3), 0x7fff_ffff)
    }
  }

  @Test("a peer that pings too often is told in the words that gRPC clients know")
  func tooManyPings() throws {
    let server = try flood(11, { _ in }) { script, _ in script.ping() }
    let farewell = try #require(server.frames.first { $0.type == 7 })
    #expect(farewell.errorCode == .enhanceYourCalm)
    #expect(String(decoding: farewell.payload.dropFirst(8), as: UTF8.self) == "too_many_pings")
  }

  @Test("pings come back in time: one in five seconds is no flood, one in three is")
  func pingPace() throws {
    for (pace, isAllowed) in [(5.0, true), (3.0, false)] {
      let server = try Bench.server()
      try server.turn(FrameScript.opening.bytes)
      for _ in 0..<60 where server.session.isAlive {
        server.now += Int64(pace * 1e9)
        var script = FrameScript()
        script.ping()
        try server.turn(script.bytes)
      }
      #expect((server.goAway == nil) == isAllowed, "\(pace) s")
    }
  }

  /// A block of `count` fields, all written out.
  private func request(fields count: Int) -> [UInt8] {
    (0..<(count - 4)).reduce(into: FrameScript.requestBlock()) { block, index in
      block += FrameScript.remembered("x-\(index)", [0x61])
    }
  }

  private func headers(_ block: [UInt8], _ change: (inout SessionSettings) -> Void) throws -> Bench
  {
    let server = try Bench.server(change)
    var script = FrameScript.opening
    script.headers(stream: 1, block, end: true)
    try server.turn(script.bytes)
    #expect(server.goAway == nil)
    return server
  }

  @Test("fields: number, size of one, size of all")
  func fields() throws {
    #expect(try headers(request(fields: 9)) { $0.headerFieldsMax = 9 }.streams.count == 1)
    let many = try headers(request(fields: 10)) { $0.headerFieldsMax = 9 }
    #expect(many.streams.isEmpty && many.bounds == [.headerFields])
    let resets = many.frames.filter { $0.type == 3 }
    #expect(resets.map(\.errorCode) == [.enhanceYourCalm])
    // Two values of one key, joined, are two fields; in a key for text a comma is a comma.
    for (key, isBinary) in [("x-bin", true), ("x-bind", false), ("bin", false)] {
      let joined = request(fields: 8) + FrameScript.remembered(key, Array(",".utf8))
      #expect(try headers(joined) { $0.headerFieldsMax = 10 }.streams.count == 1)
      let tight = try headers(joined) { $0.headerFieldsMax = 9 }
      #expect(tight.streams.isEmpty == isBinary, "\(key)")
      #expect(tight.bounds == (isBinary ? [.headerFields] : []), "\(key)")
    }

    let field = FrameScript.requestBlock() + FrameScript.remembered("x", [1, 2, 3].map { $0 + 64 })
    // Pseudo-header fields are fields: the longest here is `:authority` with its value.
    #expect(try headers(field) { $0.headerFieldBytesMax = 11 }.streams.count == 1)
    let wide = try headers(field) { $0.headerFieldBytesMax = 10 }
    #expect(wide.streams.isEmpty && wide.bounds == [.headerFieldBytes])

    // :method POST, :scheme http, :path /a/B, :authority x, x ABC, with 32 bytes each.
    let bytes = 7 + 4 + 7 + 4 + 5 + 4 + 10 + 1 + 1 + 3 + 5 * 32
    #expect(try headers(field) { $0.headerListBytesMax = bytes }.streams.count == 1)
    let long = try headers(field) { $0.headerListBytesMax = bytes - 1 }
    #expect(long.streams.isEmpty && long.bounds == [.headerListBytes])
  }

  @Test("frames of one block of headers", arguments: [0, 3, 8])
  func continuations(limit: Int) throws {
    func block(in frames: Int) throws -> Bench {
      let server = try Bench.server { $0.continuationsMax = limit }
      var script = FrameScript.opening
      script.frame(1, flags: 1, stream: 1, FrameScript.requestBlock())
      for index in 0..<frames {
        script.frame(
          9, flags: index == frames - 1 ? 4 : 0, stream: 1, FrameScript.remembered("x", [0x61]))
      }
      try? server.turn(script.bytes)
      server.session.drainEvents(to: server)
      return server
    }
    if limit > 0 {
      let passes = try block(in: limit)
      #expect(passes.streams.count == 1 && passes.bounds.isEmpty)
    }
    let refused = try block(in: limit + 1)
    #expect(refused.streams.isEmpty && refused.bounds == [.continuations])
  }

  @Test("streams at once")
  func streams() throws {
    func open(_ count: Int) throws -> Bench {
      let server = try Bench.server { $0.streamsMax = 3 }
      var script = FrameScript.opening
      // The answer to the server's SETTINGS: from then on the peer knows the limit.
      script.frame(4, flags: 1, stream: 0)
      try server.turn(script.bytes)
      var requests = FrameScript()
      for index in 0..<count { requests.request(stream: UInt32(index * 2 + 1), end: false) }
      try server.turn(requests.bytes)
      return server
    }
    #expect(try open(3).bounds.isEmpty)
    let refused = try open(4)
    #expect(refused.streams.count == 3 && refused.bounds.contains(.streams))
  }

  @Test("windows and frames")
  func sizes() throws {
    func send(_ bytes: Int, frames: Int = 1) throws -> Bench {
      let server = try Bench.server { $0.streamWindow = 20_000 }
      server.consumes = false
      var script = FrameScript.opening
      script.frame(4, flags: 1, stream: 0)
      script.request(stream: 1, end: false)
      for _ in 0..<frames {
        script.data(stream: 1, [UInt8](repeating: 0, count: bytes), end: false)
      }
      try server.turn(script.bytes)
      return server
    }
    #expect(try send(16_384).bounds.isEmpty)
    #expect(try send(16_385).bounds == [.frameBytes])
    #expect(try send(10_000, frames: 2).bounds.isEmpty)
    #expect(try send(10_001, frames: 2).bounds == [.windows])
  }

  @Test("frames that wait to be sent")
  func outbound() throws {
    let limit = 6
    func ping(_ count: Int) throws -> Bench {
      let server = try Bench.server {
        $0.outboundFramesMax = limit
        $0.pings = Rate(burst: 1_000, perSecond: 0)
      }
      try server.turn(FrameScript.opening.bytes)
      var script = FrameScript()
      for _ in 0..<count { script.ping() }
      try server.turn(script.bytes)
      return server
    }
    #expect(try ping(limit).bounds.isEmpty)
    #expect(try ping(limit + 1).bounds == [.outboundFrames])
  }

  @Test("who sends on a stream that is over is told so", arguments: ["data", "headers"])
  func afterEnd(kind: String) throws {
    let server = try Bench.server()
    server.answer = [1]
    var script = FrameScript.opening
    script.request(stream: 1)
    try server.turn(script.bytes)
    #expect(server.session.openStreams == 0)
    var late = FrameScript()
    if kind == "data" {
      late.data(stream: 1, [1], end: true)
    } else {
      late.request(stream: 1)
    }
    try server.turn(late.bytes)
    #expect(server.goAway?.rawValue == 5)
  }

  @Test("trailers of a request end it, and are no second request")
  func trailers() throws {
    let server = try Bench.server()
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    script.headers(stream: 1, FrameScript.remembered("x-late", [0x61]), end: true)
    try server.turn(script.bytes)
    let heads = server.events.filter { if case .headers = $0 { true } else { false } }
    #expect(heads.count == 1)
    #expect(server.events.contains(.data([], end: true)))
  }
}
