import BenchAPI
import Testing

@testable import GRPC

/// What peers without manners get, while one with manners is answered all the same.
@Suite struct HostileTests {
  private func withPeer(
    _ settings: ServerSettings = ServerSettings(),
    _ body: (RawPeer, RPCServer, Int) async throws -> Void
  ) async throws {
    try await withServer([echo()], settings: settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      try await body(peer, server, port)
      let answer = try await EchoClient(channel).unary(EchoRequest(n: 5))
      #expect(answer.n == 5)
      peer.close()
      #expect(await eventually { server.callsInFlight == 0 })
    }
  }

  @Test("a length of 4 GiB is refused before any room is made for it")
  func hugeLength() async throws {
    try await withPeer { peer, _, _ in
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1)
          + RawPeer.data(stream: 1, [0, 255, 255, 255, 255, 1, 2, 3], end: false))
      #expect(await eventually { peer.heard(frame: 1, stream: 1) })
      #expect(!peer.isClosed)
    }
  }

  @Test("an encoding nobody announced, and a body that is no gRPC, are refused")
  func encodings() async throws {
    try await withPeer { peer, server, _ in
      peer.send(
        RawPeer.opening
          + RawPeer.request(stream: 1, end: true, [("grpc-encoding", "snappy")])
          + RawPeer.request(stream: 3, contentType: "text/html", end: true)
          + RawPeer.request(stream: 5) + RawPeer.data(stream: 5, [1, 0, 0, 0, 0], end: true)
          + RawPeer.request(stream: 7) + RawPeer.data(stream: 7, [0, 0, 0, 0, 9, 1], end: true)
          + RawPeer.request(stream: 9, end: true, [("grpc-timeout", "soon")])
          + RawPeer.request(stream: 11, end: true, [("x-bin", "%%%")]))
      for stream in [1, 3, 5, 7, 9, 11] as [UInt32] {
        #expect(await eventually { peer.ended(stream: stream) })
        #expect(peer.status(stream: stream) == (stream == 3 ? 415 : 200), "\(stream)")
      }
      for (code, count) in [("UNIMPLEMENTED", 2.0), ("INTERNAL", 3), ("INVALID_ARGUMENT", 1)] {
        #expect(handled(server, code) == count, "\(code)")
      }
      #expect(!peer.heard(frame: 7))
    }
  }

  @Test("a request cut at any byte leaves the server standing")
  func truncated() async throws {
    let whole =
      RawPeer.opening + RawPeer.request(stream: 1, [("grpc-timeout", "1S")])
      + RawPeer.data(stream: 1, [0, 0, 0, 0, 2, 0x10, 0x07], end: true)
    try await withServer([echo()]) { server, channel, port in
      for cut in stride(from: 0, through: whole.count, by: 3) {
        let peer = try await RawPeer.connect(port: port)
        peer.send(Array(whole.prefix(cut)))
        peer.close()
      }
      _ = try await EchoClient(channel).unary(EchoRequest())
      #expect(await eventually { server.callsInFlight == 0 && server.connectionCount == 1 })
    }
  }

  @Test("ten thousand resets end the connection and hold no place")
  func resets() async throws {
    try await withPeer { peer, server, _ in
      var flood = RawPeer.opening
      for index in 0..<10_000 as Range<UInt32> {
        flood += RawPeer.request(stream: index * 2 + 1)
        flood += RawPeer.frame(3, stream: index * 2 + 1, RawPeer.big(8))
      }
      peer.send(flood)
      #expect(await eventually { peer.isClosed })
      #expect(await eventually { server.callsInFlight == 0 })
    }
  }

  @Test("a bomb of headers costs its stream")
  func headerBomb() async throws {
    try await withPeer { peer, _, _ in
      let name = Array("x-bomb".utf8)
      let value = [UInt8](repeating: 0x61, count: 100)
      let block: [UInt8] =
        [0x83, 0x86, 0x40, UInt8(name.count)] + name + [100] + value
        + [UInt8](repeating: 0xbe, count: 15_000)
      peer.send(RawPeer.opening + RawPeer.frame(1, flags: 5, stream: 1, block))
      #expect(await eventually { peer.heard(frame: 3, stream: 1) })
    }
  }

  @Test("who connects and says nothing is closed")
  func silence() async throws {
    var settings = ServerSettings()
    settings.prefaceTimeout = .milliseconds(500)
    try await withPeer(settings) { peer, _, _ in
      #expect(await eventually { peer.isClosed })
    }
  }

  @Test("who stops within the headers is closed")
  func halfHeaders() async throws {
    var settings = ServerSettings()
    settings.headerTimeout = .milliseconds(50)
    try await withPeer(settings) { peer, _, _ in
      peer.send(RawPeer.opening + RawPeer.request(stream: 1).dropLast(3))
      #expect(await eventually { peer.isClosed })
    }
  }

  @Test("a call whose request does not come is reset")
  func halfRequest() async throws {
    var settings = ServerSettings()
    settings.bodyIdleTimeout = .milliseconds(50)
    try await withPeer(settings) { peer, _, _ in
      peer.send(RawPeer.opening + RawPeer.request(stream: 1))
      #expect(await eventually { peer.heard(frame: 3, stream: 1) })
    }
  }

  @Test("headers that come byte by byte get no more time than others")
  func drippingHeaders() async throws {
    var settings = ServerSettings()
    settings.headerTimeout = .milliseconds(200)
    try await withPeer(settings) { peer, _, _ in
      // A field of 12 000 bytes: more than arrive in the time that is waited here.
      let field: [UInt8] = [0, 1, 0x78, 0x7f, 0xe1, 0x5c] + [UInt8](repeating: 0x61, count: 12_000)
      let head = RawPeer.frame(1, flags: 5, stream: 1, [0x83, 0x86] + field)
      peer.send(RawPeer.opening + head.prefix(40))
      var rest = head.dropFirst(40).dropLast()
      let isClosed = await eventually {
        if let byte = rest.popFirst() { peer.send([byte]) }
        return peer.isClosed
      }
      #expect(isClosed && !rest.isEmpty)
    }
  }

  @Test("what speaks no HTTP/2 is closed")
  func noise() async throws {
    try await withPeer { peer, _, _ in
      peer.send(Array("GET / HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
      #expect(await eventually { peer.isClosed })
    }
  }

  @Test("connections above the limit are closed at once")
  func connectionLimit() async throws {
    var settings = ServerSettings()
    settings.connectionsMax = 3
    try await withServer([echo()], settings: settings) { server, channel, port in
      _ = try await EchoClient(channel).unary(EchoRequest())
      var peers: [RawPeer] = []
      for _ in 0..<5 { peers.append(try await RawPeer.connect(port: port)) }
      #expect(await eventually { peers.filter(\.isClosed).count == 3 })
      #expect(server.connectionCount == 3)
      for peer in peers { peer.close() }
      #expect(await eventually { server.connectionCount == 1 })
    }
  }
}
