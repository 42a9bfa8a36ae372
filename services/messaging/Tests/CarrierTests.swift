import Foundation
import TestKit
import Testing

@testable import MessagingCore

@Suite struct SMTPCarrierTests {
  private func handOver(_ sink: SMTPSink, timeout: Int = 20_000) throws -> Handover {
    var settings = try SMTPSettings(url: sink.url)
    settings.timeoutMilliseconds = timeout
    return SMTPCarrier(settings: settings).handOver(.sample)
  }

  @Test("a mail arrives as it was written, dots at line starts included")
  func taken() throws {
    let sink = try SMTPSink()
    #expect(try handOver(sink) == .taken)
    let envelope = "MAIL no-reply@clientele.example\nRCPT ada@example.org\n"
    #expect(sink.mails == [envelope + String(decoding: OutgoingMail.sample.bytes, as: UTF8.self)])
  }

  @Test("a server's 4xx is for now, its 5xx for good", arguments: ["421", "451", "550", "554"])
  func refused(code: String) throws {
    let outcome = try handOver(try SMTPSink([code]))
    switch outcome {
    case .refusedForNow: #expect(code.hasPrefix("4"))
    case .refusedForGood: #expect(code.hasPrefix("5"))
    default: Issue.record("\(outcome)")
    }
  }

  @Test("no answer after the mail is no yes", arguments: ["drop", "hang"])
  func noAnswer(order: String) throws {
    let outcome = try handOver(try SMTPSink([order]), timeout: 1_000)
    guard case .unreachable = outcome else {
      Issue.record("\(outcome)")
      return
    }
  }

  @Test("nobody listening says nothing about the mail")
  func nobody() throws {
    let outcome = SMTPCarrier(settings: try SMTPSettings(url: "smtp://127.0.0.1:1")).handOver(
      .sample)
    #expect(outcome == .unreachable("the mail server cannot be reached"))
  }

  @Test("required STARTTLS is never given up for a server without it")
  func downgrade() throws {
    let sink = try SMTPSink()
    let settings = try SMTPSettings(url: sink.url + "?starttls=required")
    guard case .unreachable = SMTPCarrier(settings: settings).handOver(.sample) else {
      Issue.record("sent in the clear")
      return
    }
    #expect(sink.mails.isEmpty)
  }
}

@Suite struct SMTPSettingsTests {
  @Test("the URL says server, account and privacy")
  func url() throws {
    let settings = try SMTPSettings(url: "smtp://mailer:se%40cret@mail.example:587?starttls=off")
    #expect(settings.server == "smtp://mail.example:587")
    #expect(settings.user == "mailer")
    #expect(settings.password == "se@cret")
    #expect(settings.startTLS == .off)
  }

  @Test("privacy is required unless the server is this machine")
  func privacy() throws {
    #expect(try SMTPSettings(url: "smtp://mail.example").startTLS == .required)
    #expect(try SMTPSettings(url: "smtp://127.0.0.1:25").startTLS == .optional)
  }

  @Test(
    "other schemes and words are refused",
    arguments: [
      "http://mail.example", "mail.example", "smtp://", "smtp://mail.example?starttls=maybe",
    ])
  func refused(url: String) {
    #expect(throws: SMTPSettings.Invalid.self) { try SMTPSettings(url: url) }
  }
}

@Suite struct OutboxCarrierTests {
  @Test("a mail that comes twice is one file, whatever a crash left behind")
  func twice() throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "outbox-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let carrier = OutboxCarrier(outbox: Outbox(folder: folder.path))
    let mail = OutgoingMail.sample
    let name = Outbox.fileName(mail.messageID, mail.createdAt, as: "eml")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data("half a ma".utf8).write(to: folder.appending(path: ".\(name).part"))
    #expect(carrier.handOver(mail) == .taken)
    #expect(carrier.handOver(mail) == .taken)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [name])
    #expect(try Data(contentsOf: folder.appending(path: name)) == Data(mail.bytes))
    #expect(name == "20261121T224005Z-00000000-0000-7000-8000-000000000001.eml")
  }

  @Test("a folder that cannot be written is no fault of the mail")
  func unwritable() {
    let outcome = OutboxCarrier(outbox: Outbox(folder: "/proc/nowhere")).handOver(.sample)
    #expect(outcome == .unreachable("the outbox cannot be made"))
  }
}

@Suite struct BackoffTests {
  @Test("1 s, doubling, at most an hour, a fifth more or less")
  func pauses() {
    let backoff = Backoff()
    #expect((1...4).map { backoff.seconds(after: $0, chance: 0.5) } == [1, 2, 4, 8])
    #expect(backoff.seconds(after: 3, chance: 0) == 3.2)
    #expect(abs(backoff.seconds(after: 3, chance: 1) - 4.8) < 0.001)
    #expect(backoff.seconds(after: 1_000_000, chance: 0.5) == 3600)
  }
}

extension OutgoingMail {
  static let sample = OutgoingMail(
    messageID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1)),
    createdAt: Date(timeIntervalSince1970: 1_795_300_805),
    sender: "no-reply@clientele.example", recipient: "ada@example.org",
    bytes: [UInt8]("Subject: x\r\nMessage-ID: <1@x>\r\n\r\n.\r\n..\r\n.a dot\r\nend\r\n".utf8))
}
