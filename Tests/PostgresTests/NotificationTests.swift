import FoundationEssentials
import Postgres
import TestKit
import Testing

@Suite struct NotificationTests {
  private static let notify = Statement<NoRow>("select pg_notify($1, $2)", writes: true)

  @Test("a payload reaches who listens to its channel, and nobody else")
  func payloads() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      var news = pool.notifications(channel: "news").makeAsyncIterator()
      var other = pool.notifications(channel: "other").makeAsyncIterator()
      // The first, empty one says that it is listening now.
      #expect(await news.next() == "")
      #expect(await other.next() == "")
      try await pool.run(.none, Self.notify("news", "one"), Self.notify("news", "two"))
      try await pool.run(.none, Self.notify("other", "three"))
      #expect(await news.next() == "one")
      #expect(await news.next() == "two")
      #expect(await other.next() == "three")
    }
  }

  @Test("a listener whose backend was killed listens again and says so")
  func reconnects() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      var news = pool.notifications(channel: "news").makeAsyncIterator()
      #expect(await news.next() == "")
      try await database.sql(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = '\(database.name)' and query like 'listen%'
        """)
      #expect(await news.next() == "")
      try await pool.run(.none, Self.notify("news", "again"))
      #expect(await news.next() == "again")
    }
  }

  @Test("a commit that announces wakes who listens to the schema's events")
  func announcements() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      var events = pool.notifications(channel: "sample_events").makeAsyncIterator()
      #expect(await events.next() == "")
      let announcing = Statement<NoRow>(
        "insert into parents (parent_id) values ($1)", announces: true)
      try await pool.run(.none, announcing(1))
      #expect(await events.next() == "")
      try await pool.transaction(.none) { try await $0.run(announcing(2)) }
      #expect(await events.next() == "")
    }
  }

  @Test("names that are no channel's end at once", arguments: ["", "a\"b", "a b", "é"])
  func malformed(channel: String) async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database()
      for await _ in pool.notifications(channel: channel) { Issue.record("an element") }
    }
  }
}
