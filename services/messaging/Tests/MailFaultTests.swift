import Foundation
import Synchronization
import TestKit
import Testing

@testable import MessagingCore

/// Mails through a server that misbehaves in every way, by workers that are killed (R14).
@Suite(.timeLimit(.minutes(30))) struct MailFaultTests {
  private static let count = Setting.count("CLIENTELE_MAILS", 300)
  private static let kills = Setting.count("CLIENTELE_MAIL_KILLS", 5)

  /// How the server answers, one mail after the other.
  private static let script = (1...count * 3).map { number in
    switch number {
    case _ where number % 7 == 0: "45\(number % 2 + 1)"
    case _ where number % 11 == 0: "drop"
    case _ where number % 13 == 0: "reset"
    case _ where number % 101 == 0: "hang"
    default: "ok"
    }
  }

  @Test("none is lost, and none comes twice but where nobody could know of the first")
  func faults() async throws {
    let count = Self.count, kills = Self.kills
    try await withStage { stage in
      let sink = try SMTPSink(Self.script)
      var settings = try SMTPSettings(url: sink.url)
      settings.timeoutMilliseconds = 1_000
      let carrier = CountingCarrier(SMTPCarrier(settings: settings))
      for _ in 1...count { try await stage.apply(.sample()) }
      try await stage.work(until: count, kills: kills) {
        try $0.delivery(
          carrier: carrier, leaseSeconds: 2, backoff: Backoff(first: 0.05, longest: 0.5))
      }
      #expect(Set(try await stage.column("state")) == ["SENT"])
      #expect(try await stage.database.count("jobs") == 0)
      #expect(try await stage.database.count("dead_jobs") == 0)
      let ids = sink.messageIDs
      #expect(Set(ids).count == count)
      // The same bytes each time: a reader's program shows one of them.
      #expect(Set(sink.mails).count == count)
      Report.say(
        "mails, \(kills) deaths: \(count) acknowledged, \(count - Set(ids).count) lost, "
          + "\(ids.count - count) sent again: nobody heard the first answer")
      // Taken without a word, or with one that a killed worker could not note.
      let silent = carrier.cut.withLock { $0 }
      #expect(ids.count <= count + silent + kills * 6, "\(ids.count), \(silent) cut")
    }
  }

  @Test("without a fault and without a kill each comes once")
  func once() async throws {
    try await withStage { stage in
      let sink = try SMTPSink()
      let carrier = SMTPCarrier(settings: try SMTPSettings(url: sink.url))
      for _ in 1...60 { try await stage.apply(.sample()) }
      let workers = try (1...3).map { _ in try stage.delivery(carrier: carrier) }
      await withTaskGroup(of: Void.self) { group in
        for worker in workers { group.addTask { await worker.drain() } }
      }
      #expect(Set(try await stage.column("state")) == ["SENT"])
      #expect(sink.messageIDs.count == 60 && Set(sink.messageIDs).count == 60)
    }
  }
}

/// Counts the mails that the server may have without having said so.
private final class CountingCarrier: MailCarrier {
  private let carrier: SMTPCarrier
  let cut = Mutex(0)

  init(_ carrier: SMTPCarrier) { self.carrier = carrier }

  var destination: String { carrier.destination }

  func handOver(_ mail: OutgoingMail) -> Handover {
    let outcome = carrier.handOver(mail)
    if !outcome.isAnswer { cut.withLock { $0 += 1 } }
    return outcome
  }
}
