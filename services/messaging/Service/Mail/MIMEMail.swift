import Foundation

/// A mail as it goes over the wire: headers, and one text in two forms. The same message gives the
/// same bytes every time, so that a second sending of it can be recognised.
struct MIMEMail: Sendable {
  let messageID: UUID
  let createdAt: Date
  let language: MailLanguage
  /// The name shown as the sender's, and its address.
  let sender: (name: String, address: String)
  let recipient: (name: String, address: String)
  let subject: String
  let text: String
  let html: String

  /// The domain of the sender's address names the host in `Message-ID`.
  private var host: String {
    sender.address.lastIndex(of: "@").map {
      String(sender.address[sender.address.index(after: $0)...])
    }
      ?? "localhost"
  }

  /// RFC 5322 with CRLF line ends.
  var bytes: [UInt8] {
    let id = messageID.uuidString.lowercased()
    // "=_" cannot occur in a quoted-printable body.
    let boundary = "=_clientele_\(id)"
    let headers = [
      "Date: \(CivilTime(createdAt).mailDate)",
      HeaderText.mailbox("From", sender.name, sender.address),
      HeaderText.mailbox("To", recipient.name, recipient.address),
      HeaderText.field("Subject", subject),
      "Message-ID: <\(id)@\(host)>",
      "Auto-Submitted: auto-generated",
      "X-Auto-Response-Suppress: All",
      "Content-Language: \(language.rawValue)",
      "MIME-Version: 1.0",
      "Content-Type: multipart/alternative;\r\n boundary=\"\(boundary)\"",
    ]
    var bytes = [UInt8](headers.joined(separator: "\r\n").utf8)
    bytes += [UInt8]("\r\n\r\n".utf8)
    for (type, body) in [("text/plain", text), ("text/html", html)] {
      bytes += [UInt8](
        """
        --\(boundary)\r
        Content-Type: \(type); charset=utf-8\r
        Content-Transfer-Encoding: quoted-printable\r
        \r

        """.utf8)
      bytes += QuotedPrintable.encode(body)
    }
    bytes += [UInt8]("--\(boundary)--\r\n".utf8)
    return bytes
  }
}
