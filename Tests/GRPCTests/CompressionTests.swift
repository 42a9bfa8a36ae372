import BenchAPI
import Protobuf
import Testing

@testable import GRPC

@Suite struct CompressionTests {
  private static func inflate(_ bytes: [UInt8], limit: Int = 1 << 20) throws(RPCError) -> [UInt8] {
    try bytes.lend { bytes throws(RPCError) in try Gzip.inflate(bytes, limit: limit) }
  }

  @Test("what is packed comes out again, whatever its size")
  func roundTrip() throws {
    for count in [0, 1, 100, 1_000, 65_537, 200_000] {
      let noisy = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3 ^ $0) }
      let even = [UInt8](repeating: 7, count: count)
      for message in [noisy, even] {
        let packed = try Gzip.deflate(message)
        #expect(packed.prefix(2) == [0x1f, 0x8b])
        #expect(try Self.inflate(packed) == message)
      }
    }
  }

  @Test("gzip files in a row are one message")
  func concatenated() throws {
    let both = try Gzip.deflate([1, 2]) + Gzip.deflate([]) + Gzip.deflate([3])
    #expect(try Self.inflate(both) == [1, 2, 3])
  }

  @Test("the limit is what comes out, not what goes in")
  func bomb() throws {
    let packed = try Gzip.deflate([UInt8](repeating: 0, count: 1_000))
    #expect(try Self.inflate(packed, limit: 1_000).count == 1_000)
    let error = #expect(throws: RPCError.self) { try Self.inflate(packed, limit: 999) }
    #expect(error?.code == .resourceExhausted)
    let bomb = try Gzip.deflate([UInt8](repeating: 0, count: 16 << 20))
    #expect(bomb.count < 1 << 20)
    #expect(throws: RPCError.self) { try Self.inflate(bomb) }
    let tail = try packed + Gzip.deflate([UInt8](repeating: 0, count: 16 << 20))
    #expect(throws: RPCError.self) { try Self.inflate(tail) }
  }

  @Test("what is no gzip, or not all of it, is refused")
  func damaged() throws {
    let packed = try Gzip.deflate(Array(0..<200))
    for cut in 0..<packed.count {
      let error = #expect(throws: RPCError.self) { try Self.inflate(Array(packed.prefix(cut))) }
      #expect(error?.code == .internalError, "cut at \(cut)")
    }
    for bad in [packed + [0], packed + packed.dropLast(), [1, 2, 3], [UInt8](packed.dropFirst())] {
      #expect(throws: RPCError.self) { try Self.inflate(bad) }
    }
    var flipped = packed
    flipped[packed.count - 6] ^= 1
    #expect(throws: RPCError.self) { try Self.inflate(flipped) }
  }

  @Test("names of encodings are read as peers write them")
  func names() {
    func isNamed(_ list: String) -> Bool {
      Array(list.utf8).withUnsafeBytes { Compression.gzip.isNamed(in: $0) }
    }
    for list in ["gzip", "identity,gzip", "identity, deflate, gzip", "gzip ,x", "br,\tgzip"] {
      #expect(isNamed(list), "\(list)")
    }
    for list in ["", "identity", "gzi", "gzipp", "x-gzip", ",,", "g zip"] {
      #expect(!isNamed(list), "\(list)")
    }
  }

  /// A message as it lies in a body.
  private static func framed(_ bytes: [UInt8], flag: UInt8) -> [UInt8] {
    [flag] + RawPeer.big(UInt32(bytes.count)) + bytes
  }

  @Test("a request may come compressed, and an answer goes so to who can read it")
  func server() async throws {
    let service = echo { request, call in
      call.setResponseCompression(.gzip)
      call.setHeader("early", for: "x-said")
      return EchoResponse(payload: request.payload, n: call.requestWasCompressed ? 1 : 0)
    }
    let payload = [UInt8](repeating: 9, count: 500)
    let request = EchoRequest(payload: payload).serialized()
    let gzip = try Gzip.deflate(request)
    try await withServer([service]) { _, _, port in
      let peer = try await RawPeer.connect(port: port)
      let packs = [("grpc-encoding", "gzip")]
      let reads = [("grpc-accept-encoding", "identity, gzip")]
      peer.send(
        RawPeer.opening
          + RawPeer.request(stream: 1, packs + reads)
          + RawPeer.data(stream: 1, Self.framed(gzip, flag: 1), end: true)
          + RawPeer.request(stream: 3, packs)
          + RawPeer.data(stream: 3, Self.framed(request, flag: 0), end: true)
          + RawPeer.request(stream: 5, reads)
          + RawPeer.data(stream: 5, Self.framed(gzip, flag: 1), end: true))
      for stream in [1, 3, 5] as [UInt32] {
        #expect(await eventually { peer.ended(stream: stream) })
      }
      let packed = peer.body(stream: 1)
      #expect(packed.first == 1)
      let answer = try EchoResponse(serialized: Self.inflate(Array(packed.dropFirst(5))))
      #expect(answer == EchoResponse(payload: payload, n: 1))
      let plain = peer.body(stream: 3)
      #expect(plain.first == 0)
      #expect(
        try EchoResponse(serialized: Array(plain.dropFirst(5))) == EchoResponse(payload: payload))
      // Compressed, and never announced: refused without an answer.
      #expect(peer.body(stream: 5).isEmpty)
      peer.close()
    }
  }

  @Test("a request that inflates to too much is refused, and the next is answered")
  func bombedServer() async throws {
    var settings = ServerSettings()
    settings.requestBytesMax = 10_000
    var service = StreamEcho()
    service.both = { requests, answers, _ in
      for try await request in requests { try await answers.write(EchoResponse(n: request.n)) }
    }
    try await withServer([.echo(service)], settings: settings) { server, channel, port in
      let bomb = try Gzip.deflate([UInt8](repeating: 0, count: 1 << 20))
      #expect(bomb.count < 10_000)
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1, [("grpc-encoding", "gzip")])
          + RawPeer.data(stream: 1, Self.framed(bomb, flag: 1), end: true))
      #expect(await eventually { peer.ended(stream: 1) })
      #expect(peer.body(stream: 1).isEmpty)
      #expect(!peer.isClosed)
      #expect(count(server, .requestBytes) == 1)
      _ = try await EchoClient(channel).unary(EchoRequest())
      // A message of a stream is inflated when its handler asks for it.
      peer.send(
        RawPeer.request(stream: 3, path: EchoMethods.bothStream.path, [("grpc-encoding", "gzip")])
          + RawPeer.data(stream: 3, Self.framed(bomb, flag: 1), end: true))
      #expect(await eventually { peer.ended(stream: 3) })
      #expect(peer.body(stream: 3).isEmpty)
      #expect(count(server, .requestBytes) == 2)
      peer.close()
    }
  }

  @Test("headers and trailers that a handler sets frame its answer, also when it fails")
  func headers() async throws {
    let service = echo { request, call in
      call.setHeader("h", for: "x-head")
      call.setHeader(binary: [0, 255], for: "x-head-bin")
      call.setTrailer("t", for: "x-tail")
      if request.n == 1 { throw RPCError(.aborted, reason: "LATE", "late") }
      return EchoResponse()
    }
    try await withServer([service]) { _, channel, _ in
      let request = EchoRequest().serialized()
      let answer = try await channel.unary(
        path: EchoMethods.unary.path, request: request, options: CallOptions())
      #expect(answer.headers.first("x-head") == "h")
      #expect(answer.headers.first(binary: "x-head-bin") == [0, 255])
      #expect(answer.trailers.first("x-tail") == "t")
      let error = await refusal { try await EchoClient(channel).unary(EchoRequest(n: 1)) }
      #expect(error?.reason == "LATE")
    }
  }
}
