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

  @Test("an alert that comes and goes is one alert, until the follower has kept up for a while")
  func comesAndGoes() async throws {
    try await Rig.with { rig in
      let (stops, stop) = AsyncStream<Void>.makeStream()
      var waits = stops.makeAsyncIterator()
      try await rig.following(
        rig.follower { $0.calm = .seconds(3600) },
        apply: { event in
          while try await rig.alerts() != ["feed.behind"] {
            try await Task.sleep(for: .milliseconds(5))
          }
          stop.yield()
          return try Rig.effect(event)
        }
      ) {
        for round in 1...3 {
          try await rig.database.sql(
            """
            insert into sample.events (kind, aggregate_id, payload, created_at)
            values ('old', gen_random_uuid(), '', now() - interval '1 hour')
            """)
          _ = await waits.next()
          try await eventually { try await rig.database.count("effects") == round }
          // The follower has looked, since it cleared what is so no more.
          for _ in 0..<2 {
            try await rig.database.sql(
              """
              insert into sample.alerts (kind, subject, detail)
              values ('feed.parked', 'sample', '')
              """)
            try await eventually { try await rig.alerts() == ["feed.behind"] }
          }
        }
      }
      let rows = try await rig.database.sql(
        "select count(*) from sample.alerts where kind = 'feed.behind'")
      #expect(rows == [["1"]])
      // The next process begins anew.
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.alerts().isEmpty }
      }
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

  @Test("events that an open transaction holds back make their follower late, nothing else does")
  func heldBack() async throws {
    var settings = FeedServer.Settings()
    settings.heartbeat = .milliseconds(50)
    try await Rig.with(settings: settings) { rig in
      let follower = rig.follower(kinds: ["wanted"]) { $0.silenceMax = .seconds(600) }
      var lag: Double? { Self.figure("clientele_feed_lag_seconds", in: follower.samples()) }
      // A superuser's, which no time limit of ours ends on a busy machine.
      try await rig.database.sql("create table sample.release ()")
      let transaction = Task {
        try await rig.database.sql(
          """
          do $$ begin
            insert into sample.events (kind, aggregate_id, payload)
            values ('held', gen_random_uuid(), '');
            while not exists (select from sample.release) loop perform pg_sleep(0.02); end loop;
          end $$
          """)
      }
      try await eventually {
        try await rig.database.sql(
          "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        ) == [["1"]]
      }
      let unwanted = try await rig.announce("unwanted")
      try await rig.following(follower) {
        let old = "update sample.events set created_at = now() - interval '1 hour'"
        try await rig.database.sql("\(old) where aggregate_id = '\(unwanted)'")
        // Several words of where the feed stands, of which none is of an event that it would get.
        var (words, silence) = (0, 0.0)
        try await eventually {
          let now = Self.figure("clientele_feed_position_age_seconds", in: follower.samples()) ?? 0
          if now < silence { words += 1 }
          silence = now
          return words > 3
        }
        #expect(lag == 0)
        let late = try await rig.announce("wanted")
        try await rig.database.sql("\(old) where aggregate_id = '\(late)'")
        try await eventually { lag ?? 0 >= 3600 }
        try await eventually { try await rig.alerts() == ["feed.behind"] }
        try await rig.database.sql("insert into sample.release default values")
        _ = try await transaction.value
        try await eventually { try await rig.kinds(of: late) == ["wanted"] }
        try await eventually { try await rig.alerts().isEmpty }
        #expect(lag == 0)
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
