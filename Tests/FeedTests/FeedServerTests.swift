import CommonAPI
import Feed
import Foundation
import GRPC
import Postgres
import TestKit
import Testing

@Suite struct FeedServerTests {
  @Test("events come in order, page by page, and nothing comes twice")
  func pages() async throws {
    try await Rig.with { rig in
      var announced: [String] = []
      for _ in 0..<10 { announced.append(try await rig.announce().uuidString.lowercased()) }
      var seen: [FeedEvent] = []
      var after: FeedPosition?
      while true {
        let page = try await rig.list(after: after, pageSize: 4)
        #expect(page.events.count <= 4)
        #expect(page.next == page.events.last?.position ?? after)
        if page.events.isEmpty { break }
        seen += page.events
        after = page.next
      }
      #expect(seen.map(\.aggregateID) == announced)
      #expect(seen.first?.kind == "thing.happened")
      #expect(seen.first?.payload == [1, 2])
      #expect(seen.first?.organizationID == "")
    }
  }

  @Test("only the kinds asked for come, and what lies between is not read again")
  func kinds() async throws {
    try await Rig.with { rig in
      try await rig.announce("a")
      let wanted = try await rig.announce("b")
      try await rig.announce("c")
      let page = try await rig.list(kinds: ["b", "z"])
      #expect(page.events.map(\.aggregateID) == [wanted.uuidString.lowercased()])
      let next = try #require(page.next)
      let later = try await rig.announce("b")
      let rest = try await rig.list(after: next)
      #expect(rest.events.map(\.aggregateID) == [later.uuidString.lowercased()])
    }
  }

  @Test("an event of an open transaction holds back what was written after it")
  func openTransaction() async throws {
    try await Rig.with { rig in
      let early = UUID()
      let (held, release) = AsyncStream<Void>.makeStream()
      let (written, announceWritten) = AsyncStream<Void>.makeStream()
      let transaction = Task {
        try await rig.pool.transaction(.none) { transaction in
          try await transaction.run(
            Events.append(kind: "early", organization: nil, aggregate: early, payload: []))
          announceWritten.finish()
          for await _ in held {}
        }
      }
      for await _ in written {}
      let late = try await rig.announce()
      let before = try await rig.list()
      #expect(before.events.isEmpty)
      release.finish()
      try await transaction.value
      let after = try await rig.list()
      #expect(
        after.events.map(\.aggregateID)
          == [early, late].map { $0.uuidString.lowercased() })
    }
  }

  @Test("a waiting call is answered when something is announced, long before its time is up")
  func longPoll() async throws {
    try await Rig.with { rig in
      let started = ContinuousClock.now
      async let page = rig.list(wait: .seconds(20))
      let aggregate = try await rig.announce()
      #expect(try await page.events.map(\.aggregateID) == [aggregate.uuidString.lowercased()])
      #expect(ContinuousClock.now - started < .seconds(15))
    }
  }

  @Test("a waiting call ends empty when its time is up")
  func longPollEnds() async throws {
    try await Rig.with { rig in
      let started = ContinuousClock.now
      let page = try await rig.list(wait: .milliseconds(300))
      #expect(page.events.isEmpty)
      #expect(ContinuousClock.now - started >= .milliseconds(300))
    }
  }

  @Test("a waiting call answers before its deadline, not after")
  func longPollDeadline() async throws {
    try await Rig.with { rig in
      // A machine that is busy with other tests may take longer than the margin, but not always.
      for _ in 0..<10 {
        do {
          let page = try await FeedServiceClient(rig.channel).listEvents(
            ListEventsRequest(wait: ProtoDuration(.seconds(20))),
            options: CallOptions(timeout: .seconds(2).patient))
          #expect(page.events.isEmpty)
          return
        } catch let error as RPCError where error.code == .deadlineExceeded {}
      }
      Issue.record("no call was answered before its deadline")
    }
  }

  @Test("requests out of range are refused and name the field")
  func outOfRange() async throws {
    let requests: [(ListEventsRequest, String)] = [
      (ListEventsRequest(pageSize: -1), "page_size"),
      (ListEventsRequest(pageSize: 501), "page_size"),
      (ListEventsRequest(wait: ProtoDuration(.seconds(21))), "wait"),
      (ListEventsRequest(wait: ProtoDuration(.seconds(-1))), "wait"),
      (ListEventsRequest(kinds: [String](repeating: "a", count: 33)), "kinds"),
    ]
    try await Rig.with { rig in
      for (request, field) in requests {
        let error = await #expect(throws: RPCError.self) {
          try await FeedServiceClient(rig.channel).listEvents(request)
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.violations.map(\.field) == [field])
      }
    }
  }

  @Test("the service cannot read its events, nor announce for another organisation")
  func guarded() async throws {
    try await Rig.with { rig in
      let read = await #expect(throws: PostgresError.self) {
        try await rig.pool.run(.none, Statement<Int>("select count(*) from events")())
      }
      #expect(read?.sqlState == "42501")
      let foreign = await #expect(throws: PostgresError.self) {
        try await rig.pool.run(
          .organization(UUID()),
          Events.append(kind: "a", organization: UUID(), aggregate: UUID(), payload: []))
      }
      #expect(foreign?.sqlState == "42501")
      try await assertTenantTablesAreGuarded(
        schema: "sample", in: rig.database, open: ["effects"])
    }
  }
}
