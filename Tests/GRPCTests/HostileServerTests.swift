import BenchAPI
import Testing

@testable import GRPC

/// What a client makes of servers that answer badly, or not as gRPC servers do.
@Suite struct HostileServerTests {
  private static let path = EchoMethods.unary.path

  /// How a call ends that is answered by these bytes.
  private func end(
    _ change: (inout ChannelSettings) -> Void = { _ in }, options: CallOptions = CallOptions(),
    _ answer: @escaping @Sendable (UInt32) -> [UInt8]
  ) async throws -> RPCError? {
    try await withRawServer(change, answer: { answer($0.stream) }) { _, channel in
      await refusal {
        try await channel.unary(path: Self.path, request: [1, 2, 3], options: options)
      }
    }
  }

  @Test(
    "a stream that is reset ends its call with the code that the reset stands for",
    arguments: [
      (0, .internalError), (1, .internalError), (2, .internalError), (3, .internalError),
      (5, .internalError), (6, .internalError), (7, .unavailable), (8, .cancelled),
      (9, .internalError), (11, .resourceExhausted), (12, .permissionDenied),
      (0xfeed, .internalError),
    ] as [(UInt32, StatusCode)])
  func resets(code: UInt32, expected: StatusCode) async throws {
    let error = try await end { RawServer.reset(stream: $0, code) }
    #expect(error?.code == expected)
  }

  @Test("trailers only, with text and details")
  func trailersOnly() async throws {
    let error = try await end {
      RawServer.trailersOnly(stream: $0, 9, [("grpc-message", "50%25 %C3%A9"), ("x-a", "b")])
    }
    #expect(error == RPCError(.failedPrecondition, "50% é"))
    let odd = try await end { RawServer.trailersOnly(stream: $0, 77) }
    #expect(odd?.code == .unknown)
  }

  @Test("an answer without a status, or with less or more than one message, is no answer")
  func incomplete() async throws {
    let message: [UInt8] = [0, 0, 0, 0, 0]
    let head: @Sendable (UInt32) -> [UInt8] = { RawServer.headers(stream: $0, [RawServer.grpc]) }
    let ok: @Sendable (UInt32) -> [UInt8] = {
      RawServer.block(stream: $0, end: true, [("grpc-status", "0")])
    }
    let missing = try await end { head($0) + RawPeer.data(stream: $0, message, end: true) }
    #expect(missing?.code == .internalError)
    let unsaid = try await end { stream in
      head(stream) + RawPeer.data(stream: stream, message, end: false)
        + RawServer.block(stream: stream, end: true, [("x-a", "b")])
    }
    #expect(unsaid?.code == .unknown)
    #expect(try await end { head($0) + ok($0) }?.code == .unimplemented)
    #expect(try await end { RawServer.trailersOnly(stream: $0, 0) }?.code == .unimplemented)
    let two = try await end { stream in
      head(stream) + RawPeer.data(stream: stream, message + message, end: false) + ok(stream)
    }
    #expect(two?.code == .unimplemented)
    let cut = try await end { stream in
      head(stream) + RawPeer.data(stream: stream, [0, 0, 0, 0, 9, 1], end: false) + ok(stream)
    }
    #expect(cut?.code == .internalError)
  }

  @Test(
    "answers of what is no gRPC server",
    arguments: [
      ("400", .internalError), ("401", .unauthenticated), ("403", .permissionDenied),
      ("404", .unimplemented), ("429", .unavailable), ("502", .unavailable),
      ("503", .unavailable), ("504", .unavailable), ("418", .unknown), ("200", .unknown),
    ] as [(String, StatusCode)])
  func notGRPC(status: String, expected: StatusCode) async throws {
    let html = ("content-type", "text/html")
    let whole = try await end { stream in
      RawServer.headers(stream: stream, status: status, [html])
        + RawPeer.data(stream: stream, Array("<html>".utf8), end: true)
    }
    #expect(whole?.code == expected)
    let empty = try await end {
      RawServer.headers(stream: $0, status: status, end: true, [html])
    }
    #expect(empty?.code == expected)
  }

  @Test("an interim answer is passed over")
  func interim() async throws {
    let error = try await end {
      RawServer.headers(stream: $0, status: "103", [("x-a", "b")]) + RawServer.empty(stream: $0)
    }
    #expect(error == nil)
  }

  @Test("an encoding that was not announced is refused")
  func encodings() async throws {
    let unknown = try await end { stream in
      RawServer.headers(stream: stream, [RawServer.grpc, ("grpc-encoding", "snappy")])
        + RawPeer.data(stream: stream, [1, 0, 0, 0, 0], end: false)
    }
    #expect(unknown?.code == .internalError)
    let unsaid = try await end { stream in
      RawServer.headers(stream: stream, [RawServer.grpc])
        + RawPeer.data(stream: stream, [1, 0, 0, 0, 1, 9], end: false)
    }
    #expect(unsaid?.code == .internalError)
    let damaged = try await end { stream in
      RawServer.headers(stream: stream, [RawServer.grpc, ("grpc-encoding", "gzip")])
        + RawPeer.data(stream: stream, [1, 0, 0, 0, 1, 9], end: false)
    }
    #expect(damaged?.code == .internalError)
  }

  @Test("an answer above the bound costs its call, and no room")
  func tooLarge() async throws {
    let error = try await end {
      $0.responseBytesMax = 1_000
    } _: { stream in
      RawServer.headers(stream: stream, [RawServer.grpc])
        + RawPeer.data(stream: stream, [0, 0, 0, 3, 0xe9, 1], end: false)
    }
    #expect(error?.code == .resourceExhausted)
  }

  @Test("a bomb of headers costs its call; the connection serves the next")
  func headerBomb() async throws {
    let value = [UInt8](repeating: 0x61, count: 100)
    let bomb: [UInt8] =
      [0x88, 0x40, 6] + Array("x-bomb".utf8) + [100] + value
      + [UInt8](repeating: 0xbe, count: 15_000)
    try await withRawServer(answer: { call in
      call.number == 0
        ? RawPeer.frame(1, flags: 5, stream: call.stream, bomb)
        : RawServer.empty(stream: call.stream)
    }) { server, channel in
      let error = await refusal {
        try await channel.unary(path: Self.path, request: [], options: CallOptions())
      }
      #expect(error?.code == .internalError)
      _ = try await channel.unary(path: Self.path, request: [], options: CallOptions())
      #expect(server.connections == 1)
    }
  }

  @Test("a server whose windows are one byte wide gets its requests all the same")
  func narrowServer() async throws {
    let narrow = RawPeer.frame(4, stream: 0, [0, 4, 0, 0, 0, 1])
    try await withRawServer(greeting: narrow, answer: { _ in [] }) { server, channel in
      let call = Task {
        try await channel.unary(
          path: Self.path, request: [UInt8](repeating: 7, count: 200), options: CallOptions())
      }
      #expect(await eventually { server.calls == 1 && server.bodyBytes == 205 })
      server.say(RawServer.empty(stream: 1))
      _ = try await call.value
    }
  }

  @Test("a client whose windows are one byte wide gets its answers all the same")
  func narrowClient() async throws {
    try await withServer([echo()]) { _, _, port in
      var settings = ChannelSettings()
      settings.streamWindow = 1
      settings.defaultDeadline = .seconds(20)
      let channel = try ClientChannel(host: "127.0.0.1", port: port, settings: settings)
      let answer = try await EchoClient(channel).unary(
        EchoRequest(payload: [UInt8](repeating: 9, count: 100)))
      #expect(answer.payload.count == 100)
      let stream = try await channel.stream(
        path: ServerReflectionMethods.serverReflectionInfo.path, options: CallOptions())
      try await stream.send([])
      #expect(try await stream.next() != nil)
      await stream.finish()
      #expect(try await stream.next() == nil)
      await channel.close()
    }
  }

  @Test("a server that says farewell to every connection is not asked without a pause")
  func farewells() async throws {
    let greeting = RawPeer.frame(4, stream: 0) + RawServer.goAway(last: 0)
    try await withRawServer(
      greeting: greeting, { $0.defaultDeadline = .seconds(60) }, answer: { _ in [] }
    ) { server, channel in
      let start = ContinuousClock.now
      let error = await refusal {
        try await channel.unary(path: Self.path, request: [], options: CallOptions())
      }
      #expect(error == RPCError(.unavailable, "the server keeps refusing the call"))
      // Six farewells to a call that was sent; one that had not left yet when it came is not counted.
      #expect(server.connections >= 6)
      // Pauses of 50, 100, 200, … milliseconds up to a second, a fifth less at times. None is shorter
      // than the first, even where a machine is so busy that a connection seems to have lasted.
      #expect(ContinuousClock.now - start >= .milliseconds(40 * (server.connections - 1)))
    }
  }

  @Test("calls above the last that a farewell names go out again, on another connection")
  func farewell() async throws {
    try await withRawServer(answer: { call in
      switch call.connection {
      // Three calls come; the third is told that only the first was looked at.
      case 0 where call.number < 2: []
      case 0: RawServer.goAway(last: 1) + RawServer.empty(stream: 1)
      default: RawServer.empty(stream: call.stream)
      }
    }) { server, channel in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<3 {
          group.addTask {
            _ = try await channel.unary(path: Self.path, request: [], options: CallOptions())
          }
        }
        try await group.waitForAll()
      }
      #expect(server.connections == 2)
      #expect(server.calls == 5)
    }
  }

  @Test("farewells that contradict each other end the connection, not the channel")
  func contradiction() async throws {
    try await withRawServer(answer: { call in
      call.connection == 0
        ? RawServer.goAway(last: 1) + RawServer.goAway(last: 9)
          + RawServer.goAway(last: 4, 0xffff_ffff) + RawServer.empty(stream: call.stream)
        : RawServer.empty(stream: call.stream)
    }) { _, channel in
      for _ in 0..<3 {
        _ = await refusal {
          try await channel.unary(path: Self.path, request: [], options: CallOptions())
        }
      }
      _ = try await channel.unary(path: Self.path, request: [], options: CallOptions())
    }
  }

  @Test("a server that refuses every call is not asked for ever")
  func refusing() async throws {
    try await withRawServer(answer: { RawServer.reset(stream: $0.stream, 7) }) { server, channel in
      let error = await refusal {
        try await channel.unary(path: Self.path, request: [], options: CallOptions())
      }
      #expect(error?.code == .unavailable)
      #expect(server.calls == 6)
    }
  }
}
