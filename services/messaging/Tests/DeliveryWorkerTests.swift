import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import MessagingCore

@Suite struct DeliveryWorkerTests {
  @Test("a mail arrives with its link, and nothing of the link is stored")
  func sends() async throws {
    try await withStage { stage in
      try await stage.apply(.sample(language: "nl"))
      #expect(try await stage.delivery().worker.drain() == 1)
      #expect(try await stage.column("state") == ["SENT"])
      #expect(try await stage.column("attempts") == ["1"])
      let name = try #require(stage.mails.first)
      let mail = try String(contentsOf: stage.outbox.appending(path: name), encoding: .utf8)
      #expect(mail.contains("/invitation#token=3Dtoken-"))
      #expect(mail.contains("Content-Language: nl"))
      let rows = try await stage.database.sql("select m::text from messaging.messages m")
      #expect(rows.count == 1 && rows[0][0]?.contains("token-") == false)
      #expect(try await stage.delivery().worker.drain() == 0)
    }
  }

  @Test("each message is one mail, however many workers take part and die")
  func crashes() async throws {
    try await withStage { stage in
      for _ in 0..<20 { try await stage.apply(.sample()) }
      // Workers that die before the handover: they claim, and say nothing more.
      let queue = MessageQueue(database: stage.worker)
      let abandoned = try await queue.claim(limit: 5)
      #expect(abandoned.count == 5)
      // Workers that die after the handover: the outbox has the mail, the table does not know.
      let writer = try stage.delivery().worker.writer
      let carrier = OutboxCarrier(folder: stage.outbox.path)
      for claimed in try await queue.claim(limit: 5) {
        let mail = writer.write(claimed, token: "token-\(claimed.invitationID.text)-1")
        let outgoing = OutgoingMail(
          messageID: claimed.messageID, createdAt: claimed.createdAt, sender: "a@b.example",
          recipient: claimed.recipient, bytes: mail.bytes)
        #expect(carrier.handOver(outgoing) == .taken)
      }
      try await stage.makeDue()
      let workers = try (0..<3).map { _ in try stage.delivery().worker }
      try await withThrowingTaskGroup(of: Int.self) { group in
        for worker in workers { group.addTask { try await worker.drain() } }
        try await group.waitForAll()
      }
      #expect(Set(try await stage.column("state")) == ["SENT"])
      #expect(stage.mails.count == 20)
      #expect(stage.mails.allSatisfy { $0.hasSuffix(".eml") })
      #expect(try await stage.database.count("delivery_attempts") == 30)
      // Word of the dead comes too late.
      #expect(try await queue.settle(abandoned[0], .failed, error: "late") == false)
      #expect(Set(try await stage.column("state")) == ["SENT"])
    }
  }

  @Test("4xx: again after a pause, FAILED after eight; 5xx: FAILED at once")
  func refusals() async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      let carrier = ScriptedCarrier(Array(repeating: .refusedForNow("no (451)"), count: 8))
      var worker = try stage.delivery(carrier: carrier).worker
      // Long enough for a busy machine.
      worker.backoff.first = 600
      for attempt in 1...8 {
        #expect(try await worker.drain() == 1)
        #expect(try await stage.column("attempts") == ["\(attempt)"])
        #expect(try await stage.column("state") == [attempt < 8 ? "QUEUED" : "FAILED"])
        // Not due yet.
        #expect(try await worker.drain() == 0)
        try await stage.makeDue()
      }
      #expect(try await stage.column("last_error") == ["no (451)"])
      let ids = carrier.mails.withLock { Set($0.map(\.bytes)) }
      #expect(ids.count == 1)
    }
    try await withStage { stage in
      try await stage.apply(.sample())
      let worker = try stage.delivery(carrier: ScriptedCarrier([.refusedForGood("no (550)")]))
        .worker
      try await worker.drain()
      #expect(try await stage.column("state") == ["FAILED"])
    }
  }

  @Test("a message during which the worker died three times is given up")
  func poison() async throws {
    try await withStage { stage in
      try await stage.apply(.sample())
      let queue = MessageQueue(database: stage.worker)
      for _ in 1...3 {
        #expect(try await queue.claim(limit: 1).count == 1)
        try await stage.makeDue()
      }
      #expect(try await queue.claim(limit: 1).isEmpty)
      #expect(try await stage.column("state") == ["FAILED"])
      #expect(try await stage.column("attempts") == ["3"])
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
      let worker = try stage.delivery().worker
      try await worker.drain()
      #expect(try await stage.column("state") == ["QUEUED"])
      #expect(try await stage.column("last_error") == ["identity cannot be reached"])
      try await stage.makeDue()
      try await worker.drain()
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
      var worker = try stage.delivery(carrier: SMTPCarrier(settings: settings), lanes: 1).worker
      worker.backoff.first = 600
      for _ in 1...3 {
        try await worker.drain()
        try await stage.makeDue()
      }
      #expect(try await stage.column("state") == ["SENT"])
      // Taken before the connection was dropped, and again after: the same mail both times.
      #expect(sink.mails.count == 2)
      #expect(Set(sink.mails).count == 1)
      try await stage.apply(.sample())
      try await worker.drain()
      #expect(Set(try await stage.column("state")) == ["SENT", "FAILED"])
    }
  }

  @Test("of many mails through a faulty server none is lost, and none comes twice unasked")
  func many() async throws {
    let count = 100
    // 451 or 452 for one mail in seven; taken and then cut off for another one in eleven.
    let script = (1...160).map { $0 % 7 == 0 ? "45\($0 % 2 + 1)" : $0 % 11 == 0 ? "drop" : "ok" }
    try await withStage { stage in
      let sink = try SMTPSink(script)
      var settings = try SMTPSettings(url: sink.url)
      settings.timeoutMilliseconds = 10_000
      for _ in 1...count { try await stage.apply(.sample()) }
      let queue = MessageQueue(database: stage.worker)
      let carrier = SMTPCarrier(settings: settings)
      var rounds = 0
      while Set(try await stage.column("state")) != ["SENT"], rounds < 10 {
        // Some are taken by a worker that dies before it does anything.
        if rounds < 2 { _ = try await queue.claim(limit: 5) }
        try await withThrowingTaskGroup(of: Int.self) { group in
          for _ in 1...2 {
            let worker = try stage.delivery(carrier: carrier).worker
            group.addTask { try await worker.drain() }
          }
          try await group.waitForAll()
        }
        try await stage.makeDue()
        rounds += 1
      }
      #expect(Set(try await stage.column("state")) == ["SENT"])
      let ids = sink.messageIDs
      #expect(Set(ids).count == count)
      let cut = try await stage.database.sql(
        "select count(*) from messaging.delivery_attempts where error like '%was lost%'")
      #expect(ids.count == count + (Int(cut[0][0] ?? "") ?? -1))
    }
  }

  @Test("from the feed to the mail without being asked")
  func alive() async throws {
    try await withStage { stage in
      let delivery = try stage.delivery()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await delivery.follow(delivery.feed()) }
        group.addTask { try await delivery.send() }
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
      let worker = try stage.delivery(carrier: SlowCarrier(), lanes: 1).worker
      let work = Task { try await worker.drain() }
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
  func handOver(_ mail: OutgoingMail) -> Handover {
    Thread.sleep(forTimeInterval: 0.5)
    return .taken
  }
}
