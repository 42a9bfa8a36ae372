import CommonAPI
import Feed
import Foundation
import GRPC
import Postgres
import ServiceKit
import TestKit
import Testing

@Suite struct LagTests {
  private static func figure(_ name: String, in samples: [MetricSample]) -> Double? {
    samples.first { $0.name == name }?.value
  }

  @Test("a follower that is late says how late, with an alert until it has caught up")
  func behind() async throws {
    try await Rig.with { rig in
      let late = try await rig.announce()
      try await rig.database.sql(
        "update sample.events set created_at = now() - interval '1 hour'")
      let (held, release) = AsyncStream<Void>.makeStream()
      let follower = rig.follower()
      try await rig.following(
        follower,
        apply: { event in
          for await _ in held {}
          return try Rig.effect(event)
        }
      ) {
        try await eventually { try await rig.alerts() == ["feed.behind"] }
        let lag = Self.figure("clientele_feed_lag_seconds", in: follower.samples())
        #expect(try #require(lag) >= 3600)
        release.finish()
        try await eventually { try await rig.alerts().isEmpty }
        #expect(Self.figure("clientele_feed_lag_seconds", in: follower.samples()) == 0)
        #expect(Self.figure("clientele_feed_parked", in: follower.samples()) == 0)
      }
      #expect(try await rig.kinds(of: late).count == 1)
    }
  }

  @Test("a source that is away makes its follower late")
  func away() async throws {
    try await Rig.with { rig in
      let follower = rig.follower(channel: AwayChannel()) {
        $0.silenceMax = .milliseconds(100)
        $0.lagMax = .milliseconds(300)
      }
      try await rig.following(follower) {
        try await eventually { try await rig.alerts() == ["feed.behind"] }
        let lag = Self.figure("clientele_feed_lag_seconds", in: follower.samples())
        #expect(try #require(lag) > 0.3)
      }
    }
  }

  @Test("an old transaction that holds every feed back is told of until it ends")
  func horizon() async throws {
    var settings = FeedServer.Settings()
    settings.horizonAgeMax = .milliseconds(200)
    settings.horizonPause = .milliseconds(20)
    try await Rig.with(settings: settings) { rig in
      let background = Task {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for task in rig.server.background { group.addTask { try await task.body() } }
          try await group.waitForAll()
        }
      }
      defer { background.cancel() }
      let name = "clientele_feed_horizon_age_seconds"
      let (held, release) = AsyncStream<Void>.makeStream()
      let (written, announceWritten) = AsyncStream<Void>.makeStream()
      let transaction = Task {
        try await rig.pool.transaction(.none) { transaction in
          try await transaction.run(
            Events.append(kind: "held", organization: nil, aggregate: UUID(), payload: []))
          announceWritten.finish()
          for await _ in held {}
        }
      }
      for await _ in written {}
      // Something that it holds back.
      try await rig.announce()
      try await eventually { try await rig.alerts() == ["feed.horizon"] }
      #expect(try #require(Self.figure(name, in: rig.server.samples())) > 0.2)
      release.finish()
      try await transaction.value
      try await eventually { try await rig.alerts().isEmpty }
      #expect(try #require(Self.figure(name, in: rig.server.samples())) < 0.2)
    }
  }
}

private struct AwayChannel: RPCChannel {
  func unary(path: String, request: [UInt8], options: CallOptions) async throws -> RPCResponse {
    throw RPCError(.unavailable, "away")
  }

  func stream(path: String, options: CallOptions) async throws -> RPCStream {
    throw RPCError(.unavailable, "away")
  }
}
