import CommonAPI
import Feed
import Foundation
import GRPC
import Postgres
import TestKit
import Testing

@Suite struct FeedWatchTests {
  private static func watch(
    _ rig: Rig, _ request: WatchEventsRequest = .init()
  ) async throws -> ResponseStream<WatchEventsResponse> {
    try await FeedServiceClient(rig.channel).watchEvents(
      request, options: CallOptions(timeout: .seconds(30)))
  }

  private static func quick() -> FeedServer.Settings {
    var settings = FeedServer.Settings()
    settings.heartbeat = .milliseconds(50)
    return settings
  }

  @Test("a watcher gets what was there, page by page, then what comes, and word of where it stands")
  func pagesThenNews() async throws {
    try await Rig.with(settings: Self.quick()) { rig in
      var announced: [String] = []
      for _ in 0..<5 { announced.append(try await rig.announce("a").uuidString.lowercased()) }
      let stream = try await Self.watch(rig, WatchEventsRequest(pageSize: 2, kinds: ["a"]))
      var messages: [WatchEventsResponse] = []
      for _ in 0..<3 { messages.append(try #require(try await stream.next())) }
      #expect(messages.map(\.events.count) == [2, 2, 1])
      #expect(messages.map(\.caughtUp) == [false, false, true])
      // Nothing that is wanted, and yet the position moves on past it.
      let before = try #require(messages.last?.next)
      try await rig.announce("b")
      var message = try #require(try await stream.next())
      while message.next == before { message = try #require(try await stream.next()) }
      #expect(message.events.isEmpty && message.caughtUp)
      announced.append(try await rig.announce("a").uuidString.lowercased())
      while message.events.isEmpty { message = try #require(try await stream.next()) }
      messages.append(message)
      #expect(messages.flatMap(\.events).map(\.aggregateID) == announced)
      #expect(message.next?.transactionID ?? 0 >= message.events.last?.position?.transactionID ?? 0)
    }
  }

  @Test("a server that drains ends its watches and takes no more, with a reason to ask elsewhere")
  func drains() async throws {
    try await Rig.with { rig in
      let stream = try await Self.watch(rig)
      _ = try await stream.next()
      rig.server.stopWaiting()
      for _ in 0..<2 {
        let error = await #expect(throws: RPCError.self) {
          let stream = try await Self.watch(rig)
          while try await stream.next() != nil {}
        }
        #expect(error?.code == .unavailable && error?.reason == "FEED_DRAINING")
      }
      let error = await #expect(throws: RPCError.self) { while try await stream.next() != nil {} }
      #expect(error?.reason == "FEED_DRAINING")
    }
  }

  @Test("a watch ends by itself, and well, before its deadline")
  func endsByItself() async throws {
    try await Rig.with { rig in
      let stream = try await FeedServiceClient(rig.channel).watchEvents(
        WatchEventsRequest(), options: CallOptions(timeout: .seconds(3)))
      while try await stream.next() != nil {}
    }
  }

  @Test("a reader that stalls holds nobody up, and gets everything once it reads")
  func stalledReader() async throws {
    try await Rig.with { rig in
      let stalled = try await Self.watch(rig, WatchEventsRequest(pageSize: 10))
      let large = [UInt8](repeating: 7, count: 20_000)
      let aggregates = (0..<60).map { _ in UUID() }
      let announced = aggregates.map { $0.uuidString.lowercased() }
      try await rig.pool.run(
        .none,
        all: aggregates.map { aggregate in
          AnyQuery(
            Events.append(kind: "large", organization: nil, aggregate: aggregate, payload: large))
        })
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.database.count("effects") == 60 }
      }
      var seen: [String] = []
      while seen.count < announced.count, let message = try await stalled.next() {
        seen += message.events.map(\.aggregateID)
      }
      #expect(seen == announced)
    }
  }

  @Test("requests out of range are refused and name the field")
  func outOfRange() async throws {
    let requests: [(WatchEventsRequest, String)] = [
      (WatchEventsRequest(pageSize: -1), "page_size"),
      (WatchEventsRequest(pageSize: 501), "page_size"),
      (WatchEventsRequest(kinds: [String](repeating: "a", count: 33)), "kinds"),
    ]
    try await Rig.with { rig in
      for (request, field) in requests {
        let error = await #expect(throws: RPCError.self) {
          _ = try await Self.watch(rig, request).next()
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.violations.map(\.field) == [field])
      }
    }
  }

  @Test("a follower goes on where the source cannot watch, and where it falls silent")
  func oldAndSilentSources() async throws {
    try await Rig.with { rig in
      try await rig.following(rig.follower(channel: OddChannel(inner: rig.channel, oddity: .old))) {
        for _ in 0..<10 { try await rig.announce() }
        try await eventually { try await rig.database.count("effects") == 10 }
      }
      let silent = OddChannel(inner: rig.channel, oddity: .silentOnce)
      let follower = rig.follower(channel: silent) { $0.silenceMax = .milliseconds(200) }
      try await rig.following(follower) {
        for _ in 0..<10 { try await rig.announce() }
        try await eventually { try await rig.database.count("effects") == 20 }
      }
      let effects = try await rig.effects()
      #expect(Set(effects).count == 20)
    }
  }
}

/// A source that does not know streams, or whose first stream says nothing.
private struct OddChannel: RPCChannel {
  enum Oddity { case old, silentOnce }

  let inner: any RPCChannel
  let oddity: Oddity
  let streams = Counter()

  func unary(path: String, request: [UInt8], options: CallOptions) async throws -> RPCResponse {
    try await inner.unary(path: path, request: request, options: options)
  }

  func stream(path: String, options: CallOptions) async throws -> RPCStream {
    if oddity == .old { throw RPCError(.unimplemented, "not yet") }
    guard streams.next() == 1 else { return try await inner.stream(path: path, options: options) }
    let (silence, end) = AsyncStream<ReceivedMessage>.makeStream()
    return RPCStream(
      send: { _, _ in }, finish: {},
      next: {
        for await message in silence { return message }
        throw RPCError(.cancelled, "given up")
      }, cancel: { end.finish() })
  }
}
