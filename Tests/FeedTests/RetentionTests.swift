import CommonAPI
import Feed
import Foundation
import GRPC
import Postgres
import ServiceStorage
import TestKit
import Testing

/// Old events go, and a follower that comes too late learns so.
@Suite struct RetentionTests {
  /// Makes an event older than it is, as the superuser.
  private static func age(_ aggregate: UUID, days: String, in rig: Rig) async throws {
    try await rig.database.sql(
      """
      update sample.events set created_at = now() - interval '\(days)'
      where aggregate_id = '\(aggregate)'
      """)
  }

  @Test("what is older goes, in order, with an exact low-water mark; a late follower is told")
  func edge() async throws {
    try await Rig.with { rig in
      var announced: [UUID] = []
      for _ in 0..<8 { announced.append(try await rig.announce()) }
      let positions = try await rig.list().events.compactMap(\.position)
      #expect(positions.count == 8)
      for index in 0..<4 { try await Self.age(announced[index], days: "30 days 1 second", in: rig) }
      try await Self.age(announced[4], days: "29 days 23 hours 59 minutes", in: rig)
      // Old, but behind one that is kept.
      try await Self.age(announced[5], days: "40 days", in: rig)

      let sweep = EventSweep(worker: rig.worker, days: 30)
      #expect(try await sweep.sweep() == 4)
      #expect(try await sweep.sweep() == 0)
      #expect(try await rig.database.count("events") == 4)

      let kept = announced[4...].map { $0.uuidString.lowercased() }
      #expect(try await rig.list().events.map(\.aggregateID) == kept)
      #expect(try await rig.list(after: positions[3]).events.map(\.aggregateID) == kept)
      let expired = await #expect(throws: RPCError.self) {
        _ = try await rig.list(after: positions[2])
      }
      #expect(expired?.code == .failedPrecondition && expired?.reason == "POSITION_EXPIRED")
      let watched = await #expect(throws: RPCError.self) {
        let stream = try await FeedServiceClient(rig.channel).watchEvents(
          WatchEventsRequest(after: positions[2]))
        _ = try await stream.next()
      }
      #expect(watched?.reason == "POSITION_EXPIRED")
    }
  }

  @Test("a follower that was away too long waits with an alert, and goes on when it is told to")
  func lateFollower() async throws {
    try await Rig.with { rig in
      let parked = rig.parked
      let first = try await rig.announce()
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.database.count("effects") == 1 }
      }
      let place = try #require(try await rig.list().events.first?.position)
      let missed = try await rig.announce()
      for aggregate in [first, missed] { try await Self.age(aggregate, days: "31 days", in: rig) }
      // As if it had been away since: what it saved meanwhile would be beyond.
      try await rig.database.sql(
        """
        update sample.feed_positions
        set transaction_id = '\(place.transactionID)', event_id = \(place.eventID)
        """)
      let kept = try await rig.announce()
      #expect(try await EventSweep(worker: rig.worker, days: 30).sweep() == 2)
      // Only who was told may skip.
      #expect(try await !parked.skip("sample"))
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.alerts().contains("feed.expired") }
        #expect(try await rig.database.count("effects") == 1)
        #expect(try await parked.skip("sample"))
        try await eventually { try await rig.database.count("effects") == 2 }
        try await eventually { try await rig.alerts().isEmpty }
      }
      #expect(try await rig.kinds(of: missed).isEmpty)
      #expect(try await rig.kinds(of: kept).count == 1)
    }
  }

  @Test("a source that was restored to an earlier time is told from one that has no news")
  func restored() async throws {
    try await Rig.with { rig in
      _ = try await rig.announce()
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.database.count("effects") == 1 }
      }
      // As if the source had been far ahead before.
      let ahead = FeedPosition(transactionID: 1 << 40, eventID: 7)
      let refused = await #expect(throws: RPCError.self) { _ = try await rig.list(after: ahead) }
      #expect(refused?.code == .failedPrecondition && refused?.reason == "POSITION_AHEAD")
      try await rig.database.sql(
        "update sample.feed_positions set transaction_id = '\(ahead.transactionID)', event_id = 7")
      _ = try await rig.announce()
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.alerts().contains("feed.expired") }
        #expect(try await rig.parked.skip("sample"))
        // From the oldest that is kept: the first once more.
        try await eventually { try await rig.database.count("effects") == 3 }
      }
    }
  }

  @Test("a restored source that reaches the position again is not followed without a decision")
  func restoredAndBusy() async throws {
    try await Rig.with { rig in
      _ = try await rig.announce()
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.database.count("effects") == 1 }
      }
      // As if the source had been a little ahead before.
      let rows = try await rig.database.sql(
        """
        update sample.feed_positions
        set transaction_id = (pg_current_xact_id()::text::bigint + 20)::text::xid8, event_id = 7
        returning transaction_id
        """)
      let ahead = FeedPosition(
        transactionID: try #require(UInt64(rows.first?.first.flatMap { $0 } ?? "")), eventID: 7)
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.alerts().contains("feed.expired") }
        for _ in 0..<40 { try await rig.announce() }
        _ = try await rig.list(after: ahead)
      }
      // A process started anew waits too, while a follower of another name takes all.
      try await rig.following(rig.follower()) {
        try await rig.following(rig.follower(of: "other")) {
          try await eventually { try await rig.database.count("effects") >= 1 + 41 }
        }
        #expect(try await rig.database.count("effects") == 1 + 41)
        #expect(try await rig.alerts() == ["feed.expired"])
        #expect(try await rig.parked.skip("sample"))
        try await eventually { try await rig.database.count("effects") == 1 + 41 + 41 }
        try await eventually { try await rig.alerts().isEmpty }
      }
    }
  }

  @Test("a position never passes the last event: ids that left nothing may be given again")
  func noFurtherThanEvents() async throws {
    try await Rig.with { rig in
      let burn = "begin; select pg_current_xact_id(); rollback"
      let first = try await rig.list().next
      try await rig.database.sql(burn)
      #expect(try await rig.list().next == first)
      _ = try await rig.announce()
      let last = try #require(try await rig.list().events.last?.position)
      try await rig.database.sql(burn)
      #expect(try await rig.list().next == last)
      #expect(try await rig.list(after: last).next == last)
    }
  }

  @Test("the worker can delete nothing younger than a week, and the service nothing")
  func guarded() async throws {
    try await Rig.with { rig in
      let old = try await rig.announce()
      try await rig.announce()
      try await Self.age(old, days: "8 days", in: rig)
      let delete = Statement<NoRow>("delete from events")
      let refused = await #expect(throws: PostgresError.self) {
        try await rig.pool.run(.none, delete())
      }
      #expect(refused?.sqlState == "42501")
      try await rig.worker.run(.none, delete())
      #expect(try await rig.database.count("events") == 1)
    }
  }

  @Test("a follower of other kinds stores where it got to, so that it never expires")
  func positionMovesOn() async throws {
    var settings = FeedServer.Settings()
    settings.heartbeat = .milliseconds(20)
    try await Rig.with(settings: settings) { rig in
      try await rig.following(rig.follower(kinds: ["wanted"])) {
        let other = try await rig.announce("other")
        let position = try #require(try await rig.list().events.first?.position)
        try await eventually {
          try await rig.database.sql(
            """
            select from sample.feed_positions
            where (transaction_id, event_id) >= ('\(position.transactionID)', \(position.eventID))
            """
          ).count == 1
        }
        #expect(try await rig.kinds(of: other).isEmpty)
      }
    }
  }
}
