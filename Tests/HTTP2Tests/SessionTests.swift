import CNGHTTP2
import Testing

@testable import HTTP2

@Suite struct SessionTests {
  /// Carries bytes between two sessions until both are silent.
  private func converse(_ client: Bench, _ server: Bench) throws {
    var isSilent = false
    while !isSilent {
      try client.flush()
      let there = client.sent
      client.sent = []
      try server.turn(there)
      let back = server.sent
      server.sent = []
      try client.turn(back)
      isSilent = there.isEmpty && back.isEmpty
    }
  }

  private static let head = FieldBlock([
    (":method", "POST"), (":scheme", "http"), (":path", "/a/B"), (":authority", "x"),
  ])

  @Test("a request is answered, with trailers after the body")
  func exchange() throws {
    let client = try Bench(SessionSettings(role: .client))
    let server = try Bench.server()
    server.answer = Array("hello".utf8)
    let stream = try client.session.request(headers: Self.head)
    client.session.append(stream, head: 0x0201, headCount: 2, [3, 4])
    client.session.finish(stream)
    try converse(client, server)

    #expect(server.body == [1, 2, 3, 4])
    #expect(client.body == Array("hello".utf8))
    #expect(client.events.contains(.headers(["grpc-status": "0"], end: true)))
    #expect(client.events.last == .closed(.noError, unprocessed: false))
    #expect(client.session.openStreams == 0)
    #expect(server.session.openStreams == 0)
  }

  @Test("bodies larger than every window arrive whole, both ways")
  func largeBodies() throws {
    let client = try Bench(SessionSettings(role: .client))
    let server = try Bench.server {
      $0.streamWindow = 1_000
      $0.connectionWindow = 70_000
    }
    let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    server.answer = body
    let stream = try client.session.request(headers: Self.head)
    client.session.append(stream, body)
    client.session.finish(stream)
    try converse(client, server)
    // Compared outside the macro, which would spell out where a third of a million bytes differ.
    let arrived = (server.body.count, client.body.count)
    #expect(arrived == (body.count, body.count))
    let isSame = server.body == body && client.body == body
    #expect(isSame)
  }

  @Test("a peer with a window of one byte gets its answer byte by byte")
  func windowOfOne() throws {
    let server = try Bench.server()
    server.answer = Array("twelve bytes".utf8)
    var script = FrameScript.opening
    script.settings([(4, 1)])
    script.request(stream: 1)
    try server.turn(script.bytes)
    for _ in 0..<12 {
      var more = FrameScript()
      more.window(stream: 1, 1)
      try server.turn(more.bytes)
    }
    let parts = server.frames.filter { $0.type == 0 && !$0.payload.isEmpty }
    #expect(parts.count == 12)
    #expect(parts.flatMap(\.payload) == Array("twelve bytes".utf8))
    #expect(server.session.openStreams == 0)
  }

  @Test("a handle outlives its stream and does nothing then")
  func staleHandle() throws {
    let server = try Bench.server()
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    try server.turn(script.bytes)
    let stream = try #require(server.streams.first)
    var reset = FrameScript()
    reset.reset(stream: 1)
    try server.turn(reset.bytes)
    #expect(server.events.contains(.closed(.cancel, unprocessed: false)))

    var next = FrameScript()
    next.request(stream: 3, end: false)
    try server.turn(next.bytes)
    let second = try #require(server.streams.last)
    #expect(second.index == stream.index)
    let before = server.sent
    server.session.append(stream, [1, 2, 3])
    server.session.finish(stream)
    server.session.respond(stream, headers: FieldBlock([(":status", "200")]))
    server.session.reset(stream, .cancel)
    server.session.consume(stream, 100)
    try server.flush()
    #expect(server.sent == before)
    #expect(server.session.pendingBytes(second) == 0)
  }

  @Test("a writer is told when its stream has drained")
  func drained() throws {
    let server = try Bench.server()
    var script = FrameScript.opening
    script.request(stream: 1)
    try server.turn(script.bytes)
    let stream = try #require(server.streams.first)
    server.session.respond(stream, headers: FieldBlock([(":status", "200")]))
    server.session.append(stream, [UInt8](repeating: 1, count: 200_000))
    server.session.tellWhenDrained(stream)
    try server.flush()
    #expect(!server.events.contains(.drained))
    var more = FrameScript()
    more.window(stream: 0, 1 << 20)
    more.window(stream: 1, 1 << 20)
    try server.turn(more.bytes)
    #expect(server.events.contains(.drained))
    #expect(server.session.pendingBytes(stream) == 0)
  }

  @Test("an answer before the request has ended tells the peer to stop")
  func earlyAnswer() throws {
    let server = try Bench.server()
    var script = FrameScript.opening
    script.request(stream: 1, end: false)
    try server.turn(script.bytes)
    let stream = try #require(server.streams.first)
    server.session.respond(stream, trailersOnly: FieldBlock([(":status", "200")]))
    try server.flush()
    let ends = server.frames.suffix(2)
    #expect(ends.map(\.type) == [1, 3])
    #expect(ends.last?.errorCode == .noError)
  }

  @Test("a drain takes what is under way and refuses what comes later")
  func drain() throws {
    let client = try Bench(SessionSettings(role: .client))
    let server = try Bench.server()
    let first = try client.session.request(headers: Self.head)
    try converse(client, server)
    server.session.announceShutdown()
    try converse(client, server)
    #expect(client.events.contains(.goAway))
    server.session.stopAccepting()
    try converse(client, server)
    #expect(server.session.isAlive)
    client.session.finish(first)
    let stream = try #require(server.streams.first)
    server.session.respond(stream, trailersOnly: FieldBlock([(":status", "200")]))
    try converse(client, server)
    #expect(client.events.last == .closed(.noError, unprocessed: false))
    #expect(!server.session.isAlive)
  }

  @Test("an open stream closes when the connection is lost")
  func lost() throws {
    let client = try Bench(SessionSettings(role: .client))
    _ = try client.session.request(headers: Self.head)
    client.session.abandonStreams()
    client.session.drainEvents(to: client)
    #expect(client.events == [.closed(.connectionLost, unprocessed: true)])
  }
}

private final class Boxed {
  let value: Int

  init(_ value: Int) { self.value = value }
}

@Suite struct StateTests {
  @Test("a place in the slab is used again under another generation")
  func slab() {
    var slab = Slab<Boxed>()
    let first = slab.insert(Boxed(1))
    let removed = slab.remove(first)
    #expect(removed?.value == 1)
    let other = slab.insert(Boxed(3))
    #expect(other.index != first.index)
    slab.reuse(first)
    let second = slab.insert(Boxed(2))
    #expect(first.index == second.index)
    let isStale = slab[first] == nil
    #expect(isStale)
    let removedAgain = slab.remove(first)
    #expect(removedAgain == nil)
    let found = slab[second]?.pointee.value
    #expect(found == 2)
    #expect(StreamHandle(bits: second.bits) == second)
  }

  @Test("a slab moves its elements when it grows, and lets go of what it holds in the end")
  func growingSlab() {
    weak var last: Boxed?
    do {
      var slab = Slab<Boxed>()
      let handles = (0..<100).map { slab.insert(Boxed($0)) }
      let emptied = handles.filter { $0.index % 3 == 0 }.compactMap { slab.remove($0)?.value }
      #expect(emptied == Array(stride(from: 0, to: 100, by: 3)))
      let added = (100..<200).map { slab.insert(Boxed($0)) }
      for handle in handles + added where handle.index % 3 != 0 || handle.index >= 100 {
        let value = slab[handle]?.pointee.value
        #expect(value == handle.index)
      }
      let count = slab.handles.count
      #expect(count == 166)
      last = slab[added[99]]?.pointee
      #expect(last != nil)
    }
    #expect(last == nil)
  }

  @Test("fields come out as they went in")
  func fields() {
    var block = FieldBlock([(":status", "200"), ("empty", "")])
    block.append("bytes", bytes: [0xff, 0x20])
    block.append(contentsOf: FieldBlock([("last", "one")]))
    let pairs = block.withNameValues { fields, count in
      UnsafeBufferPointer(start: fields, count: count).map { field in
        [(field.name, field.namelen), (field.value, field.valuelen)].map { start, length in
          Array(UnsafeBufferPointer(start: start, count: length))
        }
      }
    }
    #expect(block.count == 4)
    let expected = [(":status", "200"), ("empty", "")].map { [Array($0.utf8), Array($1.utf8)] }
    #expect(
      pairs == expected + [
        [Array("bytes".utf8), [0xff, 0x20]], [Array("last".utf8), Array("one".utf8)],
      ])
    let none = FieldBlock().withNameValues { _, count in count }
    #expect(none == 0)
  }

  @Test("a body comes out as it went in, whatever the frame sizes", arguments: 1...40)
  func body(capacity: Int) {
    var body = OutboundBody()
    var expected: [UInt8] = []
    for count in [0, 1, 5, 17, 0, 64] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ count) }
      body.append(head: 0x05_0403_0201, headCount: 5, bytes)
      expected += [1, 2, 3, 4, 5] + bytes
    }
    body.isComplete = true
    #expect(body.count == expected.count)
    var out: [UInt8] = []
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { buffer in
      guard let base = buffer.baseAddress else { return }
      while true {
        var part = OutboundBody.Part()
        body.produce(into: base, capacity: capacity, &part)
        out += buffer.prefix(part.count)
        if case .ends = part.then { return }
      }
    }
    #expect(out == expected)
  }

  @Test("a bucket fills with time and never above its burst")
  func bucket() {
    var bucket = RateBucket(Rate(burst: 2, perSecond: 10))
    #expect(bucket.take(at: 0) && bucket.take(at: 0) && !bucket.take(at: 0))
    #expect(bucket.take(at: 100_000_000) && !bucket.take(at: 100_000_000))
    #expect(bucket.take(at: 1 << 40) && bucket.take(at: 1 << 40) && !bucket.take(at: 1 << 40))
  }
}
