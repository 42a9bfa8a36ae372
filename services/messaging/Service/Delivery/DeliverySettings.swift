import ServiceKit

/// How mails leave: what is read from `CLIENTELE_*`.
struct DeliverySettings: Sendable {
  /// Where people reach the gateway, without a slash at the end.
  var publicURL: String
  /// What mails come from, header and envelope.
  var senderAddress: String
  /// BCP 47 tag for readers whose language we do not write.
  var standardLanguage: String
  /// The mail server; nil puts mails into the outbox.
  var smtp: SMTPSettings?
  /// The folder for mails without a mail server.
  var outbox: String
  /// How many mails are handed over at once.
  var lanes: Int
  /// How long a message stays with a worker that says nothing, seconds.
  var leaseSeconds: Int

  /// Reads the settings; notes in `settings` what cannot be used.
  init(_ settings: inout ServiceSettings) {
    var url = settings.string("CLIENTELE_PUBLIC_URL", default: "http://127.0.0.1:8080")
    while url.hasSuffix("/") { url.removeLast() }
    publicURL = url
    senderAddress = settings.string("CLIENTELE_MAIL_FROM", default: "no-reply@clientele.localhost")
    standardLanguage = settings.string("CLIENTELE_LANGUAGE", default: "en")
    outbox = settings.string("CLIENTELE_OUTBOX", default: "outbox")
    lanes = settings.int("CLIENTELE_MAIL_LANES", default: 4, in: 1...64)
    leaseSeconds = settings.int("CLIENTELE_MAIL_LEASE_SECONDS", default: 60, in: 1...3600)
    smtp = nil
    if let text = settings.optional("CLIENTELE_SMTP_URL") {
      smtp = Self.smtp(text, &settings)
    }
    if EmailAddress(senderAddress) == nil {
      settings.note("CLIENTELE_MAIL_FROM must be an e-mail address")
    }
  }

  private static func smtp(
    _ url: String, _ settings: inout ServiceSettings
  ) -> SMTPSettings? {
    guard var smtp = settings.attempt({ try SMTPSettings(url: url) }) else { return nil }
    smtp.authorityPath = settings.optional("CLIENTELE_SMTP_CA")
    if let path = settings.optional("CLIENTELE_SMTP_PASSWORD_FILE") {
      smtp.password = settings.attempt { try SMTPSettings.password(file: path) }
    }
    let seconds = settings.int("CLIENTELE_SMTP_TIMEOUT_SECONDS", default: 20, in: 1...600)
    smtp.timeoutMilliseconds = seconds * 1000
    return smtp
  }

  /// The way mails go.
  var carrier: any MailCarrier {
    if let smtp { return SMTPCarrier(settings: smtp) }
    return OutboxCarrier(folder: outbox)
  }
}
