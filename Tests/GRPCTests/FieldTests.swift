import BenchAPI
import NIOCore
import Testing

@testable import GRPC

/// What stands in header fields: blanks at their ends, too much of it, and what they say a body is.
@Suite struct FieldTests {
  private let empty: [UInt8] = [0, 0, 0, 0, 0]

  /// More than 64 KiB, in values that fit a field each.
  private static let large = (0..<12).map { _ in String(repeating: "x", count: 6_000) }

  @Test("our clients send no blanks at the ends of metadata; who does has sent no HTTP/2")
  func padded() async throws {
    let service = echo { _, call in
      EchoResponse(payload: Array(call.metadata.first("x-a")?.utf8 ?? "-".utf8))
    }
    try await withServer([service]) { _, channel, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening)
      for (stream, text) in [(1, " b"), (3, "b "), (5, "\tb"), (7, "b\t")] as [(UInt32, String)] {
        peer.send(
          RawPeer.request(stream: stream, [("x-a", text)])
            + RawPeer.data(stream: stream, empty, end: true))
        #expect(await eventually { peer.resetCode(stream: stream) == 1 }, "\(stream)")
        #expect(!peer.heard(frame: 1, stream: stream))
      }
      #expect(!peer.heard(frame: 7))
      peer.close()
      var metadata = Metadata()
      metadata.append("  two words ", for: "x-a")
      metadata.append(" ", for: "x-b")
      #expect(metadata.first("x-a") == "two words" && metadata.first("x-b") == "")
      let answer = try await EchoClient(channel).unary(
        EchoRequest(), options: CallOptions(metadata: metadata))
      #expect(answer.payload == Array("two words".utf8))
    }
  }

  @Test("values of a binary key may come joined, empty ones too, and blanks between them are none")
  func joined() async throws {
    let service = echo { _, call in
      EchoResponse(payload: Array(call.metadata[binary: "x-bin"].joined(separator: [0x2c])))
    }
    try await withServer([service]) { _, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1, [("x-bin", ",YQ==, YWI ,\t,"), ("x-bin", "")])
          + RawPeer.data(stream: 1, empty, end: true))
      #expect(await eventually { peer.ended(stream: 1) })
      let values = Array(",a,ab,,,".utf8)
      #expect(peer.body(stream: 1).dropFirst(7) == values[...])
      peer.close()
    }
  }

  @Test("the text of an error keeps the spaces at its ends, whoever sends it")
  func messages() async throws {
    let service = echo { _, _ in throw RPCError(.notFound, " gone ") }
    try await withServer([service]) { _, channel, _ in
      let error = await refusal { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(error == RPCError(.notFound, " gone "))
    }
    let foreign = try await withRawServer(answer: {
      RawServer.trailersOnly(stream: $0.stream, 5, [("grpc-message", "gone ")])
    }) { _, channel in
      await refusal { try await EchoClient(channel).unary(EchoRequest()) }
    }
    #expect(foreign?.code == .notFound)
  }

  @Test("a handler that says too much beside its answer fails its call", arguments: [true, false])
  func answerTooLarge(inHeaders: Bool) async throws {
    let say: @Sendable (CallContext) -> Void = { call in
      for value in Self.large {
        if inHeaders {
          call.setHeader(value, for: "x-a")
        } else {
          call.setTrailer(value, for: "x-a")
        }
      }
    }
    var service = StreamEcho()
    service.server = { _, answers, call in
      say(call)
      try await answers.write(EchoResponse())
    }
    let unary = echo { _, call in
      say(call)
      return EchoResponse()
    }
    for binding in [.echo(service), unary] as [ServiceBinding] {
      try await withServer([binding]) { server, channel, _ in
        let error = await refusal {
          guard binding.handlers.count > 1 else {
            return _ = try await EchoClient(channel).unary(EchoRequest())
          }
          let answers = try await EchoClient(channel).serverStream(EchoStreamRequest(count: 1))
          while try await answers.next() != nil {}
        }
        #expect(error?.code == .resourceExhausted)
        #expect(count(server, .headerListBytesSent) == 1)
      }
    }
  }

  @Test(
    "details beyond the bound are left out, and the rest of the error comes", arguments: [0, 1])
  func details(excess: Int) async throws {
    // Longer than the server's own refusals, which are made at its start.
    let text = "it is " + String(repeating: "long ", count: 50) + "gone"
    let thrown = RPCError(.notFound, reason: "GONE", text)
    var service = StreamEcho()
    service.server = { _, answers, _ in
      try await answers.write(EchoResponse())
      throw thrown
    }
    var settings = ServerSettings()
    settings.statusDetailBytesMax =
      WireBase64.encode(StatusDetails.status(of: thrown)).count - excess
    for binding in [.echo(service), echo { _, _ in throw thrown }] as [ServiceBinding] {
      try await withServer([binding], settings: settings) { server, channel, _ in
        let error = await refusal {
          guard binding.handlers.count > 1 else {
            return _ = try await EchoClient(channel).unary(EchoRequest())
          }
          let answers = try await EchoClient(channel).serverStream(EchoStreamRequest(count: 1))
          while try await answers.next() != nil {}
        }
        #expect(error == (excess == 0 ? thrown : RPCError(.notFound, text)))
        #expect(count(server, .statusDetailBytes) == Double(excess))
      }
    }
  }

  @Test("a call with too much metadata fails at once, and is not tried again")
  func requestTooLarge() async throws {
    var metadata = Metadata()
    metadata[string: "x-a"] = Self.large
    let options = CallOptions(metadata: metadata)
    try await withRawServer { settings in
      settings.methods = [
        MethodConfig([.all], retries: RetryPolicy(retryableCodes: [.resourceExhausted]))
      ]
    } answer: {
      RawServer.empty(stream: $0.stream)
    } _: { server, channel in
      let error = await refusal {
        try await EchoClient(channel).unary(EchoRequest(), options: options)
      }
      #expect(error?.code == .resourceExhausted && server.calls == 0)
      _ = try await EchoClient(channel).unary(EchoRequest())
      #expect(server.calls == 1)
    }
  }

  @Test("the content type of gRPC is known in any case, with blanks and parameters")
  func contentTypes() async throws {
    try await withServer([echo()]) { _, _, port in
      let types = [
        "Application/GRPC", "application/grpc ; charset=utf-8", "application/grpc+PROTO",
        "application/grpc-web+proto", "application/grpcx", "application/grpc+json", "text/html", "",
      ]
      for (index, type) in types.enumerated() {
        let peer = try await RawPeer.connect(port: port)
        peer.send(
          RawPeer.opening + RawPeer.request(stream: 1, contentType: type)
            + RawPeer.data(stream: 1, empty, end: true))
        #expect(await eventually { peer.ended(stream: 1) })
        #expect(peer.status(stream: 1) == (index < 3 ? 200 : 415), "\(type)")
        #expect((peer.body(stream: 1) == empty) == (index < 3), "\(type)")
        peer.close()
      }
    }
  }

  /// What a request that is no gRPC gets as long as it has not ended.
  private func turnedAway(
    _ request: [UInt8], status: Int, settings: ServerSettings = ServerSettings(),
    _ then: (RawPeer, RPCServer) async -> Void
  ) async throws {
    try await withServer([echo()], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(RawPeer.opening + request)
      #expect(await eventually { !peer.body(stream: 1).isEmpty })
      #expect(peer.status(stream: 1) == status)
      #expect(!peer.ended(stream: 1) && peer.resetCode(stream: 1) == nil)
      await then(peer, server)
      peer.close()
    }
  }

  @Test("a request that is no gRPC is told so at once, and its own end ends the answer")
  func turnedAway() async throws {
    let foreign = RawPeer.request(stream: 1, contentType: "text/plain", [("content-length", "5")])
    // `:method PUT` with its name in the static table.
    let put = RawPeer.frame(
      1, flags: 4, stream: 1, [0x02, 3] + Array("PUT".utf8) + [0x86, 0x84, 0x01, 1, 0x78])
    for (request, status) in [(foreign, 415), (put, 405)] {
      try await turnedAway(request, status: status) { peer, _ in
        peer.send(RawPeer.data(stream: 1, empty, end: true))
        #expect(await eventually { peer.ended(stream: 1) })
        #expect(peer.resetCode(stream: 1) == nil)
      }
    }
    // A body of another length than the head says.
    try await turnedAway(foreign, status: 415) { peer, _ in
      peer.send(RawPeer.data(stream: 1, empty + [0], end: true))
      #expect(await eventually { peer.resetCode(stream: 1) == 1 })
      #expect(!peer.ended(stream: 1))
    }
  }

  @Test("a request that is no gRPC and does not end is ended without blame")
  func turnedAwayForGood() async throws {
    var settings = ServerSettings()
    settings.bodyIdleTimeout = .seconds(2)
    let foreign = RawPeer.request(stream: 1, contentType: "text/plain")
    try await turnedAway(foreign, status: 415, settings: settings) { peer, server in
      #expect(await eventually { peer.resetCode(stream: 1) == 0 })
      #expect(peer.ended(stream: 1) && count(server, .bodyIdleTime) == 1)
    }
    try await withServer([echo()], settings: settings) { server, _, port in
      let peer = try await RawPeer.connect(port: port)
      // No window for a body: its answer cannot be sent, whether the request has ended or not.
      let opening = RawPeer.opening + RawPeer.frame(4, stream: 0, [0, 4, 0, 0, 0, 0])
      peer.send(
        opening + foreign + RawPeer.request(stream: 3, contentType: "text/plain", end: true))
      for stream in [1, 3] as [UInt32] {
        #expect(await eventually { peer.resetCode(stream: stream) == 8 }, "\(stream)")
      }
      #expect(count(server, .writeIdleTime) == 2)
      peer.close()
    }
  }

  @Test("who asks for a head gets no body")
  func head() async throws {
    try await withServer([echo()]) { _, _, port in
      let peer = try await RawPeer.connect(port: port)
      // `:method` by its name in the static table, and the value written out.
      let block: [UInt8] = [0x02, 4] + Array("HEAD".utf8) + [0x86, 0x84, 0x01, 1, 0x78]
      peer.send(RawPeer.opening + RawPeer.frame(1, flags: 5, stream: 1, block))
      #expect(await eventually { peer.ended(stream: 1) })
      #expect(peer.status(stream: 1) == 405 && !peer.heard(frame: 0, stream: 1))
      peer.close()
    }
  }

  @Test(
    "an answer that says it is no gRPC is not believed to be one",
    arguments: ["text/html", "application/grpc-web+proto", "application/grpcx"])
  func foreign(type: String) async throws {
    let error = try await withRawServer(answer: { call in
      RawServer.headers(
        stream: call.stream, end: true, [("content-type", type), ("grpc-status", "5")])
    }) { _, channel in
      await refusal { try await EchoClient(channel).unary(EchoRequest()) }
    }
    #expect(error?.code == .unknown)
  }

  @Test("a call that the server ends first is ended on our side as well")
  func endedEarly() async throws {
    try await withRawServer(answer: { RawServer.trailersOnly(stream: $0.stream, 5) }) {
      server, channel in
      let call = try await EchoClient(channel).bothStream()
      let error = await refusal { try await call.responses.next() }
      #expect(error?.code == .notFound)
      #expect(await eventually { server.resets == [1: 0] })
    }
  }

  @Test("only a server that names pings is pinged less")
  func calm() async throws {
    try await withRawServer(answer: { RawServer.empty(stream: $0.stream) }) { server, channel in
      for (told, factor) in [("too many: resets_received", 1), ("too_many_pings", 2)] {
        _ = try await EchoClient(channel).unary(EchoRequest())
        let before = server.connections
        server.say(
          RawPeer.frame(
            7, stream: 0, RawPeer.big(0x7fff_ffff) + RawPeer.big(11) + Array(told.utf8)))
        let isNew = await eventually {
          _ = try? await EchoClient(channel).unary(EchoRequest())
          return server.connections > before
        }
        #expect(isNew)
        let core = channel.core
        let after = try await core.loop.submit { core.keepaliveAfter }.get()
        #expect(after == ChannelSettings().keepaliveAfter * factor)
      }
    }
  }
}
