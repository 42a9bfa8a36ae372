/// A mail server (aiosmtpd) that misbehaves as told; see scripts/smtp-sink.py.
public final class SMTPSink: Sink {
  /// - Parameter script: an answer a mail.
  public init(_ script: [String] = []) throws {
    try super.init(program: "smtp-sink.py", script)
  }

  /// For `CLIENTELE_SMTP_URL`.
  public var url: String { "smtp://127.0.0.1:\(port)" }

  /// The mails taken, in order: two lines of envelope, then the mail itself.
  public var mails: [String] { taken.map { String(decoding: $0, as: UTF8.self) } }

  /// The `Message-ID` of each mail taken.
  public var messageIDs: [String] {
    mails.compactMap { mail in
      mail.split(separator: "\r\n").first { $0.hasPrefix("Message-ID: ") }.map(String.init)
    }
  }
}
