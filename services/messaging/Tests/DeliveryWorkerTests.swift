import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import ServiceStorage
import Synchronization
import TestKit
import Testing

@testable import MessagingCore

@Suite struct DeliveryWorkerTests {
  @Test("a mail arrives with its link, and nothing of the link is stored")
  func sends() async throws {
    try await withStage { stage in
      try await stage.apply(.sample(language: "nl"))
      #expect(try await stage.delivery().drain() == 1)
      #expect(try await stage.column("state") == ["SENT"])
      #expect(try await stage.column("attempts") == ["1"])
      let name = try #require(stage.mails.first)
      let mail = try String(contentsOf: stage.outbox.appending(path: name), encoding: .utf8)
      #expect(mail.contains("/invitation#token=3Dtoken-"))
      #expect(mail.contains("Content-Language: nl"))
      let rows = try await stage.database.sql("select m::text from messaging.messages m")
      #expect(rows.count == 1 && rows[0][0]?.contains("token-") == false)
      #expect(try await stage.delivery().drain() == 0)
    }
  }

  @Test("4xx: again after a pause, FAILED after eight; 5xx: FAILED at once")
  func refusals() async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      let carrier = ScriptedCarrier(Array(repeating: .refusedForNow("no (451)"), count: 8))
      // Long enough for a busy machine.
      let delivery = try stage.delivery(carrier: carrier, backoff: Backoff(first: 600))
      for attempt in 1...8 {
        #expect(await delivery.drain() == 1)
        #expect(try await stage.column("attempts") == ["\(attempt)"])
        #expect(try await stage.column("state") == [attempt < 8 ? "QUEUED" : "FAILED"])
        // Not due yet.
        #expect(await delivery.drain() == 0)
        try await stage.makeDue()
      }
      #expect(try await stage.column("last_error") == ["no (451)"])
      let ids = carrier.mails.withLock { Set($0.map(\.bytes)) }
      #expect(ids.count == 1)
      #expect(try await stage.database.count("jobs") == 0)
    }
    try await withStage { stage in
      try await stage.apply(.sample())
      try await stage.delivery(carrier: ScriptedCarrier([.refusedForGood("no (550)")])).drain()
      #expect(try await stage.column("state") == ["FAILED"])
    }
  }

  @Test("a message during which the worker died three times is given up, and an operator told")
  func poison() async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      for _ in 1...3 { try await stage.abandonJobs() }
      let carrier = ScriptedCarrier([])
      #expect(try await stage.delivery(carrier: carrier).drain() == 1)
      #expect(carrier.mails.withLock { $0.isEmpty })
      #expect(try await stage.column("state") == ["FAILED"])
      #expect(try await stage.database.count("dead_jobs") == 1)
      #expect(try await stage.database.count("alerts") == 1)
    }
  }

  @Test("a message that others keep from trying a server that is away is given up after three days")
  func neverItsTurn() async throws {
    try await withStage { stage in
      for _ in 1...Circuit.failuresMax { try await stage.apply(.sample()) }
      let away = Handover.unreachable("the mail server does not answer")
      let carrier = ScriptedCarrier(Array(repeating: away, count: 100))
      let ahead = Mutex(Duration.zero)
      let circuits = Circuits { .now + ahead.withLock { $0 } }
      let delivery = try stage.delivery(
        carrier: carrier, lanes: Circuit.failuresMax, circuits: circuits)
      #expect(await delivery.drain() == Circuit.failuresMax)
      let tries = carrier.mails.withLock { $0.count }
      // While the server is left alone no mail is taken in hand.
      try await stage.makeDue()
      #expect(await delivery.drain() == 0)
      #expect(try await Set(stage.column("state")) == ["QUEUED"])
      try await stage.database.sql(
        "update messaging.messages set created_at = now() - interval '73 hours'")
      // Then one tries, and the others have waited too long for their turn.
      ahead.withLock { $0 = Circuit.pause }
      await delivery.drain()
      #expect(try await Set(stage.column("state")) == ["FAILED"])
      #expect(carrier.mails.withLock { $0.count } == tries + 1)
      #expect(try await stage.database.count("jobs") == 0)
    }
  }

  @Test("an organisation that has many mails waiting gets in line behind itself")
  func bulk() async throws {
    try await withStage { stage in
      for _ in 1...(MessageJobs.promptMax + 5) { try await stage.apply(.sample()) }
      try await stage.apply(.sample(organization: .otherOrganization))
      let queues = try await stage.database.sql(
        "select queue, count(*) from messaging.jobs group by 1 order by 1")
      #expect(queues == [["mail", "\(MessageJobs.promptMax + 1)"], ["mail-bulk", "5"]])
      #expect(try await stage.delivery().drain() == MessageJobs.promptMax + 6)
    }
  }

  @Test("without identity mails wait; a link that is refused for good ends them")
  func links() async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      stage.identity.refusals.withLock {
        $0 = [
          RPCError(.unavailable, "down"),
          RPCError(.failedPrecondition, reason: "INVITATION_ACCEPTED", "accepted"),
        ]
      }
      let delivery = try stage.delivery(backoff: Backoff(first: 600))
      await delivery.drain()
      #expect(try await stage.column("state") == ["QUEUED"])
      #expect(try await stage.column("last_error") == ["identity cannot be reached"])
      try await stage.makeDue()
      await delivery.drain()
      #expect(try await stage.column("state") == ["CANCELLED"])
      #expect(stage.mails.isEmpty)
    }
  }

  @Test("through a real mail server that misbehaves, nothing is lost and the id stays the same")
  func smtp() async throws {
    try await withStage { stage in
      let sink = try SMTPSink(["451", "drop", "ok", "550"])
      var settings = try SMTPSettings(url: sink.url)
      settings.timeoutMilliseconds = 5_000
      try await stage.apply(.sample())
      let delivery = try stage.delivery(
        carrier: SMTPCarrier(settings: settings), lanes: 1, backoff: Backoff(first: 600))
      for _ in 1...3 {
        await delivery.drain()
        try await stage.makeDue()
      }
      #expect(try await stage.column("state") == ["SENT"])
      // Taken before the connection was dropped, and again after: the same mail both times.
      #expect(sink.mails.count == 2)
      #expect(Set(sink.mails).count == 1)
      try await stage.apply(.sample())
      await delivery.drain()
      #expect(Set(try await stage.column("state")) == ["SENT", "FAILED"])
    }
  }

  @Test("from the feed to the mail without being asked")
  func alive() async throws {
    try await withStage { stage in
      let delivery = try stage.delivery()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await delivery.follow(delivery.feed()) }
        group.addTask { await delivery.office.run() }
        group.addTask {
          try await Task.sleep(for: .milliseconds(200))
          stage.identity.announce(.sample())
          let limit = ContinuousClock.now + .seconds(10)
          while stage.mails.filter({ $0.hasSuffix(".eml") }).isEmpty, .now < limit {
            try await Task.sleep(for: .milliseconds(10))
          }
        }
        try await group.next()
        group.cancelAll()
      }
      #expect(stage.mails.count == 1)
    }
  }

  @Test("a worker that is told to stop sees through what it has taken")
  func stops() async throws {
    try await withStage { stage in
      for _ in 1...3 { try await stage.apply(.sample()) }
      let delivery = try stage.delivery(carrier: SlowCarrier(), lanes: 1)
      let work = Task { await delivery.drain() }
      try await Task.sleep(for: .milliseconds(300))
      work.cancel()
      _ = await work.result
      #expect(try await stage.column("state").filter { $0 == "SENDING" }.isEmpty)
      #expect(try await stage.column("state").contains("QUEUED"))
    }
  }
}

/// Takes its time.
private struct SlowCarrier: MailCarrier {
  let destination = "slow"

  func handOver(_ mail: OutgoingMail) -> Handover {
    Thread.sleep(forTimeInterval: 0.5)
    return .taken
  }
}
