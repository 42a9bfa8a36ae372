import ClientDirectoryAPI
import Foundation
import MessagingAPI
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import MessagingCore

/// SMS through a provider that misbehaves in every way, by workers that are killed (R14).
@Suite(.timeLimit(.minutes(30))) struct SMSFaultTests {
  private static let count = Setting.count("CLIENTELE_SMS", 300)
  private static let kills = Setting.count("CLIENTELE_SMS_KILLS", 5)
  /// How many go out in the name of one organisation.
  private static let perOrganization = 1000

  /// How the provider answers, one request after the other.
  private static let script = (1...count * 3).map { number in
    switch number {
    case _ where number % 7 == 0: number % 2 == 0 ? "429" : "503"
    case _ where number % 11 == 0: "drop"
    case _ where number % 13 == 0: "reset"
    case _ where number % 17 == 0: "409"
    case _ where number % 101 == 0: "hang"
    default: "ok"
    }
  }

  @Test("none is lost, and none comes twice")
  func faults() async throws {
    try await withStage { stage in
      let sink = try SMSSink(Self.script)
      var settings = try SMSSettings(url: sink.url, sender: "Clientele")
      settings.timeoutMilliseconds = 1_000
      let carrier = HTTPSMSCarrier(settings: settings)
      let acknowledged = try await ask(stage)
      try await stage.work(until: Self.count, kills: Self.kills) {
        try $0.delivery(
          smsCarrier: carrier, leaseSeconds: 2, backoff: Backoff(first: 0.05, longest: 0.5))
      }
      #expect(Set(try await stage.column("state")) == ["SENT"])
      #expect(try await stage.database.count("jobs") == 0)
      #expect(try await stage.database.count("dead_jobs") == 0)
      let sent = sink.sent.map(\.id)
      let lost = acknowledged.subtracting(sent).count
      let doubled = sent.count - Set(sent).count
      #expect(acknowledged.count == Self.count && lost == 0 && doubled == 0)
      #expect(Set(sent) == acknowledged)
      // Some were tried again, or nothing was tested.
      let tries = try await stage.database.count("delivery_attempts")
      #expect(tries > Self.count)
      Report.say(
        "sms, \(Self.kills) deaths, \(tries) tries: \(acknowledged.count) acknowledged, "
          + "\(lost) lost, \(doubled) doubled")
    }
  }

  /// Has every client reminded, each call twice, and answers the messages that were promised.
  private func ask(_ stage: Stage) async throws -> Set<UUID> {
    let promised = Mutex<Set<UUID>>([])
    try await stage.serving(
      at: .inProcess, smsMax: Self.perOrganization, client: { .reachable($0) }
    ) { messaging in
      for number in 0..<Self.count {
        let organization = UUID.sample(number / Self.perOrganization)
        let request = SendAppReminderSmsRequest.sample(.reachable(), of: organization)
        let staff = try TestIssuer.options(.staff(of: organization, ["clients.update"]))
        let first = try await messaging.sendAppReminderSms(request, options: staff)
        let again = try await messaging.sendAppReminderSms(request, options: staff)
        #expect(first == again)
        if let id = UUID(uuidString: first.messageID) { promised.withLock { _ = $0.insert(id) } }
      }
    }
    return promised.withLock { $0 }
  }

  @Test("a provider that refuses a message for good ends it, with the reason")
  func refused() async throws {
    try await withStage { stage in
      let sink = try SMSSink(["422"])
      let carrier = HTTPSMSCarrier(settings: try SMSSettings(url: sink.url, sender: "Clientele"))
      try await stage.remind(1)
      try await stage.delivery(smsCarrier: carrier).drain()
      #expect(try await stage.column("state") == ["FAILED"])
      #expect(
        try await stage.column("last_error") == ["the SMS provider refused the message (422)"])
      #expect(try await stage.database.count("jobs") == 0)
    }
  }

  @Test("a provider that is away is left alone, its SMS keep their turn, and mails go on")
  func resting() async throws {
    try await withStage { stage in
      let count = Circuit.failuresMax
      try await stage.remind(count)
      let away = Handover.unreachable("the SMS provider is not well (503)")
      let carrier = ScriptedSMSCarrier(Array(repeating: away, count: 100))
      let ahead = Mutex(Duration.zero)
      let circuits = Circuits { .now + ahead.withLock { $0 } }
      let delivery = try stage.delivery(
        smsCarrier: carrier, lanes: 2 * count, backoff: Backoff(first: 600), circuits: circuits)
      #expect(await delivery.drain() == count)
      try await stage.makeDue()
      try await stage.apply(.sample())
      #expect(await delivery.drain() == 1)
      #expect(stage.mails.count == 1)
      #expect(carrier.sms.withLock { $0.count } == count)
      // A day later they are given up, one after a try and the others without.
      try await stage.database.sql(
        "update messaging.messages set created_at = now() - interval '25 hours'")
      ahead.withLock { $0 = Circuit.pause }
      await delivery.drain()
      let states = try await stage.database.sql(
        "select distinct state from messaging.messages where channel = 'SMS'")
      #expect(states == [["FAILED"]])
      #expect(carrier.sms.withLock { $0.count } == count + 1)
    }
  }
}

extension Stage {
  /// Has so many clients reminded.
  func remind(_ count: Int) async throws {
    try await serving(at: .inProcess, client: { .reachable($0) }) { messaging in
      for _ in 1...count {
        _ = try await messaging.sendAppReminderSms(
          .sample(.reachable()), options: try TestIssuer.options(.reminding))
      }
    }
  }
}

/// A way to hand SMS over that does as it is told.
final class ScriptedSMSCarrier: SMSCarrier {
  private let script: Mutex<[Handover]>
  let sms = Mutex<[OutgoingSMS]>([])
  let destination = "sms-script"

  init(_ script: [Handover]) { self.script = Mutex(script) }

  func handOver(_ sms: OutgoingSMS) -> Handover {
    self.sms.withLock { $0.append(sms) }
    return script.withLock { $0.isEmpty ? .taken : $0.removeFirst() }
  }
}

extension UUID {
  /// One of many organisations.
  fileprivate static func sample(_ number: Int) -> UUID {
    UUID(uuid: (3, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, UInt8(clamping: number)))
  }
}
