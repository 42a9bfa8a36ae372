import Foundation
import ServiceKit

/// How messages leave: what is read from `CLIENTELE_*`.
struct DeliverySettings: Sendable {
  /// Where people reach the gateway, without a slash at the end.
  var publicURL: String
  /// What mails come from, header and envelope.
  var senderAddress: String
  /// BCP 47 tag for readers whose language we do not write.
  var standardLanguage: String
  /// The mail server; nil puts mails into the outbox.
  var smtp: SMTPSettings?
  /// The SMS provider; nil puts SMS into the outbox.
  var sms: SMSSettings?
  /// Most SMS of an organisation within a day.
  var smsDailyMax: Int
  /// Where the mobile app is to be had.
  var appURL: String
  /// The folder for messages that have nowhere else to go.
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
    smsDailyMax = settings.int("CLIENTELE_SMS_DAILY_MAX", default: 50, in: 1...1000)
    appURL = settings.string("CLIENTELE_APP_URL", default: url)
    smtp = nil
    sms = nil
    if let text = settings.optional("CLIENTELE_SMTP_URL") {
      smtp = Self.smtp(text, &settings)
    }
    if let text = settings.optional("CLIENTELE_SMS_URL") {
      sms = Self.sms(text, &settings)
    }
    if !Self.isLink(appURL) {
      settings.note(
        "CLIENTELE_APP_URL must be http(s)://… of at most \(AppReminderWriter.linkUnitsMax) "
          + "characters; it goes into SMS")
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
    smtp.password = secret("CLIENTELE_SMTP_PASSWORD_FILE", &settings) ?? smtp.password
    let seconds = settings.int("CLIENTELE_SMTP_TIMEOUT_SECONDS", default: 20, in: 1...600)
    smtp.timeoutMilliseconds = seconds * 1000
    return smtp
  }

  private static func sms(_ url: String, _ settings: inout ServiceSettings) -> SMSSettings? {
    let sender = settings.required("CLIENTELE_SMS_FROM", "what SMS come from")
    guard !sender.isEmpty,
      var sms = settings.attempt({ try SMSSettings(url: url, sender: sender) })
    else { return nil }
    sms.authorityPath = settings.optional("CLIENTELE_SMS_CA")
    sms.token = secret("CLIENTELE_SMS_TOKEN_FILE", &settings)
    let seconds = settings.int("CLIENTELE_SMS_TIMEOUT_SECONDS", default: 20, in: 1...600)
    sms.timeoutMilliseconds = seconds * 1000
    return sms
  }

  /// What stands in the file that a setting names, without the line end. What cannot be used is
  /// noted with the file's name, never with its content.
  private static func secret(_ name: String, _ settings: inout ServiceSettings) -> String? {
    guard let path = settings.optional(name) else { return nil }
    guard let data = FileManager.default.contents(atPath: path), data.count <= 4096,
      let text = String(data: data, encoding: .utf8)?.trimmingCharacters(in: .newlines),
      text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else {
      settings.note("\(name) \(path) cannot be read as one line of text")
      return nil
    }
    return text
  }

  private static func isLink(_ text: String) -> Bool {
    guard let parts = URLComponents(string: text), parts.host?.isEmpty == false else {
      return false
    }
    return ["http", "https"].contains(parts.scheme)
      && text.utf16.count <= AppReminderWriter.linkUnitsMax
  }

  /// The way mails go.
  var carrier: any MailCarrier {
    if let smtp { return SMTPCarrier(settings: smtp) }
    return OutboxCarrier(outbox: Outbox(folder: outbox))
  }

  /// The way SMS go.
  var smsCarrier: any SMSCarrier {
    if let sms { return HTTPSMSCarrier(settings: sms) }
    return OutboxSMSCarrier(outbox: Outbox(folder: outbox))
  }
}
