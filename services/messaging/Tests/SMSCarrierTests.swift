import Foundation
import TestKit
import Testing

@testable import MessagingCore

@Suite struct SMSCarrierTests {
  private func handOver(
    _ sink: SMSSink, _ sms: OutgoingSMS = .sample(), timeout: Int = 20_000
  ) throws -> Handover {
    var settings = try SMSSettings(url: sink.url, sender: "Clientele")
    settings.timeoutMilliseconds = timeout
    settings.token = "secret"
    return HTTPSMSCarrier(settings: settings).handOver(sms)
  }

  @Test("an SMS arrives as it was written, with who sends it and by what right")
  func taken() throws {
    let sink = try SMSSink()
    let sms = OutgoingSMS.sample(text: "Été \"là\" 👍 \\ /\n")
    #expect(try handOver(sink, sms) == .taken)
    let sent = try #require(sink.sent.first)
    #expect(sent.id == sms.messageID && sent.to == sms.recipient && sent.text == sms.text)
    #expect(sent.from == "Clientele" && sent.authorization == "Bearer secret")
  }

  @Test("a repeat goes to nobody, and another message of the same words does")
  func once() throws {
    let sink = try SMSSink()
    let sms = OutgoingSMS.sample()
    for _ in 1...3 { #expect(try handOver(sink, sms) == .taken) }
    #expect(sink.sent.count == 1)
    #expect(try handOver(sink, .sample()) == .taken)
    #expect(sink.sent.count == 2)
  }

  @Test(
    "the provider's word on a message ends it; its word on itself, or on us, does not",
    arguments: [400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 503])
  func refused(status: Int) throws {
    let sink = try SMSSink(["\(status)"])
    switch try handOver(sink) {
    case .refusedForGood(let why):
      #expect([400, 404, 422].contains(status) && why.contains("\(status)"))
    case .refusedForNow: #expect(status == 409)
    case .unreachable: #expect([401, 403, 408, 425, 429, 500, 503].contains(status))
    case .taken: Issue.record("taken")
    }
    #expect(sink.sent.isEmpty)
  }

  @Test(
    "no answer is no yes, whether the SMS was taken or not", arguments: ["drop", "reset", "hang"])
  func noAnswer(order: String) throws {
    let sink = try SMSSink([order])
    guard case .unreachable = try handOver(sink, timeout: 1_000) else {
      Issue.record("an answer")
      return
    }
    #expect(sink.sent.count == (order == "reset" ? 0 : 1))
  }

  @Test("nobody listening says nothing about the SMS")
  func nobody() throws {
    let settings = try SMSSettings(url: "http://127.0.0.1:1", sender: "Clientele")
    #expect(
      HTTPSMSCarrier(settings: settings).handOver(.sample())
        == .unreachable("the SMS provider cannot be reached"))
  }

  @Test("without a provider it is one file in the outbox, however often it comes")
  func outbox() throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "outbox-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let sms = OutgoingSMS.sample(text: "Hello")
    let carrier = OutboxSMSCarrier(outbox: Outbox(folder: folder.path))
    for _ in 1...2 { #expect(carrier.handOver(sms) == .taken) }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(names == [Outbox.fileName(sms.messageID, sms.createdAt, as: "sms.txt")])
    let text = try String(contentsOf: folder.appending(path: names[0]), encoding: .utf8)
    #expect(text == "To: +32470123456\n\nHello\n")
  }
}

@Suite struct SMSSettingsTests {
  @Test(
    "the text goes nowhere in the clear, and the sender is one that networks take",
    arguments: [
      ("http://sms.example", "Clientele"), ("smtp://sms.example", "Clientele"),
      ("sms.example", "Clientele"), ("https://", "Clientele"),
      ("https://me:secret@sms.example", "Clientele"), ("https://sms.example", "Clientele Centre"),
      ("https://sms.example", "+0470"), ("https://sms.example", "a\nb"),
    ])
  func refused(url: String, sender: String) {
    #expect(throws: SMSSettings.Invalid.self) { try SMSSettings(url: url, sender: sender) }
  }

  @Test("a name or a number", arguments: ["Clientele", "Centre 12", "+32470123456"])
  func sender(_ sender: String) throws {
    #expect(try SMSSettings(url: "https://sms.example/v1", sender: sender).sender == sender)
  }

  @Test(
    "numbers are E.164 and nothing else",
    arguments: [
      ("+32470123456", true), ("+1234567", true), ("+123456789012345", true), ("+123456", false),
      ("+1234567890123456", false), ("32470123456", false), ("+0470123456", false),
      ("+32 470123456", false), ("+3247012345٦", false), ("", false), ("+", false),
    ])
  func numbers(_ text: String, isNumber: Bool) {
    #expect(MobileNumber.isE164(text) == isNumber)
  }
}

@Suite struct AppReminderTextTests {
  private static let link = "https://" + String(repeating: "x", count: 72)

  @Test(
    "the longest name and the longest link make three SMS at most",
    arguments: MailLanguage.allCases)
  func length(language: MailLanguage) {
    let writer = AppReminderWriter(link: Self.link, standardLanguage: "en")
    for name in [String(repeating: "é", count: 100), String(repeating: "👩‍👩‍👧", count: 50), "A\nB"] {
      let text = writer.text(in: language, organization: name)
      #expect(text.utf16.count <= AppReminderWriter.unitsMax)
      #expect(text.hasSuffix(Self.link) && !text.contains("\n"))
    }
    let whole = writer.text(in: language, organization: String(repeating: "é", count: 40))
    #expect(whole.hasPrefix(String(repeating: "é", count: 40)))
  }

  @Test("the phrases keep to GSM 7-bit", arguments: MailLanguage.allCases)
  func alphabet(language: MailLanguage) {
    let text = AppReminderWriter(link: "", standardLanguage: "en")
      .text(in: language, organization: "")
    let letters = Set("éèàùì' :-.,?").union("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    #expect(text.allSatisfy { letters.contains($0) }, "\(text)")
  }
}

extension OutgoingSMS {
  /// Another one each time.
  static func sample(text: String = "Hello") -> OutgoingSMS {
    OutgoingSMS(
      messageID: UUID(), createdAt: OutgoingMail.sample.createdAt, recipient: "+32470123456",
      text: text)
  }
}
