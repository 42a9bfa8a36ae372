import Foundation
import Testing

@testable import MessagingCore

@Suite struct MailTextTests {
  @Test("a language leads to ours region by region, then to the standard one, then to English")
  func languages() {
    #expect(MailLanguage.chosen(from: ["fr-CA", "nl"]) == .french)
    #expect(MailLanguage.chosen(from: ["NL_be"]) == .dutch)
    #expect(MailLanguage.chosen(from: ["de-AT", "fr-BE"]) == .french)
    #expect(MailLanguage.chosen(from: ["", "-", "x-y-z"]) == .english)
  }

  @Test("a moment is said in the reader's language")
  func dates() {
    let time = CivilTime(Date(timeIntervalSince1970: 1_795_300_805))
    #expect(time.mailDate == "Sat, 21 Nov 2026 22:40:05 +0000")
    #expect(time.spoken(in: .english) == "21 November 2026, 22:40 (UTC)")
    #expect(time.spoken(in: .french) == "21 novembre 2026 à 22:40 (UTC)")
    #expect(time.spoken(in: .dutch) == "21 november 2026 om 22:40 (UTC)")
    let first = CivilTime(Date(timeIntervalSince1970: 1_796_083_200))
    #expect(first.spoken(in: .french) == "1er décembre 2026 à 00:00 (UTC)")
  }

  @Test("quoted-printable: short lines, CRLF, nothing but ASCII, and back again")
  func quotedPrintable() {
    let text = "Été = \(String(repeating: "é", count: 60)) \nlast blank \n\n.dot\ttab"
    let encoded = String(decoding: QuotedPrintable.encode(text), as: UTF8.self)
    let lines = encoded.components(separatedBy: "\r\n")
    #expect(lines.allSatisfy { $0.utf8.count <= 76 && $0.utf8.allSatisfy { $0 >= 32 && $0 < 127 } })
    #expect(lines.allSatisfy { !$0.hasSuffix(" ") })
    #expect(decoded(encoded) == text + "\n")
  }

  @Test("encoded words keep within 75 characters and never cut a character")
  func encodedWords() throws {
    let text = String(repeating: "日本é", count: 40)
    let field = HeaderText.field("Subject", text)
    let lines = field.components(separatedBy: "\r\n")
    #expect(lines.allSatisfy { $0.utf8.count <= 76 })
    #expect(lines.dropFirst().allSatisfy { $0.hasPrefix(" =?") })
    let words = field.dropFirst("Subject: ".count).components(separatedBy: "\r\n ")
    let parts = words.compactMap { Data(base64Encoded: String($0.dropFirst(10).dropLast(2))) }
    #expect(parts.allSatisfy { String(data: $0, encoding: .utf8) != nil })
    #expect(String(decoding: parts.joined(), as: UTF8.self) == text)
  }

  @Test("what looks like an encoded word is encoded, so that it reads as it was typed")
  func lookalike() {
    #expect(!HeaderText.field("Subject", "=?UTF-8?Q?x?=").contains("=?UTF-8?Q?x"))
  }

  private func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.replacing("=\r\n", with: "").replacing("\r\n", with: "\n").utf8)[...]
    while let byte = rest.popFirst() {
      if byte == 0x3d {
        bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

@Suite struct HeaderInjectionTests {
  static let attempts = [
    "Ada\r\nBcc: evil@example.org", "Ada\nBcc: evil@example.org", "Ada\rBcc: evil@example.org",
    "Ada\u{0}Bcc: evil@example.org", "Ada\u{85}Bcc: evil@example.org",
    "Ada\u{2028}Bcc: evil@example.org", "Ada\r\n\r\n<script>", "\u{202E}adA", "Ada\u{B}\u{C}B",
    "Ada\" <evil@example.org>, \"", "Ada, evil@example.org",
  ]

  @Test("no name adds a header, a body or a reader", arguments: attempts)
  func names(name: String) {
    for line in [
      HeaderText.field("Subject", name), HeaderText.mailbox("To", name, "ada@example.org"),
    ] {
      let unfolded = line.replacing("\r\n ", with: " ")
      #expect(!unfolded.unicodeScalars.contains { $0.value < 32 || $0.value > 126 })
    }
    let mailbox = HeaderText.mailbox("To", name, "ada@example.org")
    #expect(mailbox.hasSuffix("\r\n <ada@example.org>"))
    #expect(!mailbox.contains("<evil") && !mailbox.contains(","))
  }

  @Test("a blank stands for what was taken out")
  func clean() {
    #expect(HeaderText.clean(" Ada\r\n\t Lovelace \u{0}") == "Ada Lovelace")
    #expect(HeaderText.clean(String(repeating: "x", count: 500)).count == 200)
  }
}

@Suite struct InvitationWriterTests {
  private let writer: InvitationWriter

  init() throws {
    writer = try InvitationWriter(
      publicURL: "https://clients.example", senderAddress: "no-reply@clientele.example",
      standardLanguage: "nl-BE")
  }

  @Test(
    "every invitation says who invites, where to click, until when, and how to sign in",
    arguments: [MessagePurpose.clientInvitation, .staffInvitation], MailLanguage.allCases)
  func complete(purpose: MessagePurpose, language: MailLanguage) {
    let mail = writer.write(.sample(purpose: purpose, language: language.rawValue), token: "AbC-_9")
    for part in [mail.text, mail.html] {
      #expect(part.contains("https://clients.example/invitation#token=AbC-_9"))
      #expect(part.contains("ada@example.org"))
      #expect(part.contains("Ada_lovelace"))
      #expect(part.contains("2026"))
      #expect(!part.contains("{{"))
    }
    #expect(mail.text.contains("Müller & <Söhne>"))
    #expect(mail.html.contains("Müller &amp; &lt;Söhne&gt;"))
    #expect(mail.html.contains("<html lang=\"\(language.rawValue)\">"))
  }

  @Test("an address that does not sign in is said not to (B8)", arguments: MailLanguage.allCases)
  func usernameOnly(language: MailLanguage) {
    let both = writer.write(.sample(language: language.rawValue), token: "t").text
    let name = writer.write(
      .sample(language: language.rawValue, emailSignsIn: false), token: "t"
    ).text
    #expect(both.contains("ada@example.org"))
    #expect(!name.contains("ada@example.org"))
    #expect(name.contains("Ada_lovelace"))
  }

  @Test("an unknown language takes the standard one")
  func standard() {
    #expect(writer.language(for: "de") == .dutch)
    #expect(writer.language(for: "fr-CA") == .french)
    #expect(
      writer.subject(.clientInvitation, in: .french, organization: "Cabinet")
        == "Cabinet vous invite à activer votre compte client")
  }

  @Test("the mail has what servers and readers look for, and is the same each time")
  func headers() {
    let mail = writer.write(.sample(language: "en"), token: "t")
    let text = String(decoding: mail.bytes, as: UTF8.self)
    let head = text.components(separatedBy: "\r\n\r\n")[0]
    #expect(head.contains("Message-ID: <00000000-0000-7000-8000-000000000001@clientele.example>"))
    #expect(head.contains("Date: Sat, 21 Nov 2026 22:40:05 +0000"))
    #expect(head.contains("Auto-Submitted: auto-generated"))
    #expect(head.contains("Content-Type: multipart/alternative;"))
    #expect(head.contains("To: \"Ada Lovelace\"\r\n <ada@example.org>"))
    #expect(text.contains("Content-Type: text/plain; charset=utf-8"))
    #expect(text.contains("Content-Type: text/html; charset=utf-8"))
    #expect(!mail.bytes.contains { $0 > 126 })
    #expect(text.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 78 })
    #expect(writer.write(.sample(language: "en"), token: "t").bytes == mail.bytes)
  }
}
