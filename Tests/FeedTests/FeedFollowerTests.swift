import CommonAPI
import Feed
import Foundation
import GRPC
import Postgres
import Synchronization
import TestKit
import Testing

@Suite struct FeedFollowerTests {
  @Test("each event takes effect once, whatever transactions were open when it was read")
  func nothingSkipped() async throws {
    try await Rig.with { rig in
      try await rig.following(rig.follower(), apply: Rig.effect) {
        let announced = try await withThrowingTaskGroup(of: [UUID].self) { group in
          for _ in 0..<6 {
            group.addTask {
              var mine: [UUID] = []
              for round in 0..<15 {
                let aggregate = UUID()
                mine.append(aggregate)
                let event = Events.append(
                  kind: "a", organization: nil, aggregate: aggregate, payload: [])
                // Some transactions stay open past others that began after them.
                try await rig.pool.transaction(.none) { transaction in
                  try await transaction.run(event)
                  for _ in 0..<(round % 4) {
                    try await transaction.run(Statement<Int>("select 1::bigint")())
                  }
                }
              }
              return mine
            }
          }
          return try await group.reduce(into: []) { $0 += $1 }
        }
        try await eventually { try await rig.database.count("effects") >= announced.count }
        let effects = try await rig.effects()
        #expect(effects.sorted() == announced.map { $0.uuidString.lowercased() }.sorted())
      }
    }
  }

  @Test("a follower that dies between applying and committing, again and again, applies once")
  func crashes() async throws {
    try await Rig.with { rig in
      let announced = 20
      for _ in 0..<announced { try await rig.announce() }
      let applied = Counter()
      var lives = 0
      while try await rig.database.count("effects") < announced {
        lives += 1
        let (ended, end) = AsyncStream<Void>.makeStream()
        let task = Task {
          await rig.follower().run { event in
            // Dies at every third event it looks at, with the effect in hand.
            if applied.next().isMultiple(of: 3) {
              withUnsafeCurrentTask { $0?.cancel() }
            }
            return try Rig.effect(event)
          }
          end.finish()
        }
        let watcher = Task {
          try await eventually { try await rig.database.count("effects") == announced }
          task.cancel()
        }
        for await _ in ended {}
        watcher.cancel()
        #expect(lives < 100)
      }
      #expect(lives > 1)
      let effects = try await rig.effects()
      #expect(effects.count == announced && Set(effects).count == announced)
    }
  }

  @Test("two processes that follow under one name apply each event once")
  func twoFollowers() async throws {
    try await Rig.with { rig in
      try await rig.following(rig.follower(), apply: Rig.effect) {
        try await rig.following(rig.follower(), apply: Rig.effect) {
          for _ in 0..<40 { try await rig.announce() }
          try await eventually { try await rig.database.count("effects") >= 40 }
        }
      }
      let effects = try await rig.effects()
      #expect(effects.count == 40 && Set(effects).count == 40)
      let parked = try await rig.database.count("feed_parked")
      #expect(parked == 0)
    }
  }

  @Test("a source that is away is waited for, and trouble that passes parks nothing")
  func awaySource() async throws {
    try await Rig.with { rig in
      let channel = UnsteadyChannel(inner: rig.channel)
      let applications = Counter()
      for _ in 0..<5 { try await rig.announce() }
      try await rig.following(
        rig.follower(channel: channel),
        apply: { event in
          if applications.next() < 10 { throw RPCError(.unavailable, "not now") }
          return try Rig.effect(event)
        }
      ) {
        try await eventually { try await rig.database.count("effects") == 5 }
      }
      let parked = try await rig.database.count("feed_parked")
      #expect(parked == 0)
    }
  }

  /// What PostgreSQL and Citus say when a connection to a node broke, an operator stops the server, a
  /// standby was asked, a right is on its way, or a transaction was in nobody's hands any more.
  private static let passing = [
    "08006", "08000", "57P01", "57P03", "25001", "53300", "55006", "40003", "42501",
  ]

  @Test("nor does trouble of the database that passes", arguments: passing)
  func passingTrouble(sqlState: String) async throws {
    try await Rig.with { rig in
      let applications = Counter()
      for _ in 0..<3 { try await rig.announce() }
      try await rig.following(
        rig.follower(),
        apply: { event in
          // Longer than an event's own fault would be borne.
          if applications.next() < 10 {
            throw PostgresError.refused(
              sqlState: sqlState, constraint: nil, table: nil,
              message: "permission denied for table effects")
          }
          return try Rig.effect(event)
        }
      ) {
        try await eventually {
          let (done, parked) = (
            try await rig.database.count("effects"), try await rig.database.count("feed_parked")
          )
          return done + parked == 3
        }
      }
      #expect(try await rig.database.count("feed_parked") == 0)
    }
  }

  @Test("a row that breaks a policy is an event's own fault, though its code is that of a right")
  func brokenPolicy() async throws {
    try await Rig.with { rig in
      try await rig.database.sql(
        """
        alter table sample.effects enable row level security;
        create policy effects_none on sample.effects for insert with check (false)
        """)
      try await rig.announce()
      try await rig.following(rig.follower()) {
        try await eventually { try await rig.database.count("feed_parked") == 1 }
      }
      #expect(try await rig.parked.list().first?.failure.contains("42501") == true)
    }
  }

  @Test("a follower of some kinds gets these alone, and an event's effect is its organisation's")
  func kindsAndScope() async throws {
    try await Rig.with { rig in
      let organization = UUID()
      try await rig.announce("other")
      try await rig.pool.run(
        .organization(organization),
        Events.append(kind: "mine", organization: organization, aggregate: UUID(), payload: []))
      let setting = Statement<NoRow>(
        """
        insert into effects (event_kind, aggregate_id)
        values ('scope', current_setting('clientele.organization_id')::uuid)
        """)
      try await rig.following(
        rig.follower(kinds: ["mine"]), apply: { _ in [AnyQuery(setting())] }
      ) {
        try await eventually { try await rig.database.count("effects") == 1 }
      }
      let effects = try await rig.effects()
      #expect(effects == [organization.uuidString.lowercased()])
    }
  }
}

/// Fails every other call and stream.
private struct UnsteadyChannel: RPCChannel {
  let inner: any RPCChannel
  let calls = Counter()

  func unary(path: String, request: [UInt8], options: CallOptions) async throws -> RPCResponse {
    guard calls.next().isMultiple(of: 2) else { throw RPCError(.unavailable, "away") }
    return try await inner.unary(path: path, request: request, options: options)
  }

  func stream(path: String, options: CallOptions) async throws -> RPCStream {
    guard calls.next().isMultiple(of: 2) else { throw RPCError(.unavailable, "away") }
    return try await inner.stream(path: path, options: options)
  }
}
