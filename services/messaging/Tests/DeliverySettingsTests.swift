import ServiceKit
import Testing

@testable import MessagingCore

@Suite struct DeliverySettingsTests {
  private func problems(_ values: [String: String]) -> [String] {
    var settings = ServiceSettings(values)
    _ = DeliverySettings(&settings)
    do {
      try settings.check()
      return []
    } catch {
      return (error as? ServiceSettings.Invalid)?.problems ?? ["\(error)"]
    }
  }

  @Test("without any setting mails go to the outbox")
  func standard() {
    var settings = ServiceSettings([:])
    let delivery = DeliverySettings(&settings)
    #expect(delivery.carrier is OutboxCarrier && delivery.smsCarrier is OutboxSMSCarrier)
    #expect(problems([:]).isEmpty)
  }

  @Test("with a mail server they go there; a link never has two slashes")
  func server() {
    var settings = ServiceSettings([
      "CLIENTELE_SMTP_URL": "smtp://mail.example", "CLIENTELE_PUBLIC_URL": "https://x.example//",
    ])
    let delivery = DeliverySettings(&settings)
    #expect(delivery.carrier is SMTPCarrier)
    #expect(delivery.publicURL == "https://x.example" && delivery.appURL == "https://x.example")
  }

  @Test("with an SMS provider they go there")
  func provider() throws {
    var settings = ServiceSettings([
      "CLIENTELE_SMS_URL": "https://sms.example/v1", "CLIENTELE_SMS_FROM": "Clientele",
    ])
    #expect(DeliverySettings(&settings).smsCarrier is HTTPSMSCarrier)
    try settings.check()
  }

  @Test("every bad setting is named at once")
  func bad() {
    let found = problems([
      "CLIENTELE_SMTP_URL": "mail.example", "CLIENTELE_MAIL_FROM": "nobody",
      "CLIENTELE_MAIL_LANES": "0", "CLIENTELE_SMS_URL": "https://sms.example",
      "CLIENTELE_SMS_DAILY_MAX": "0",
      "CLIENTELE_APP_URL": "https://" + String(repeating: "x", count: 80),
    ])
    #expect(found.count == 6)
    for name in [
      "CLIENTELE_SMTP_URL", "CLIENTELE_MAIL_FROM", "CLIENTELE_MAIL_LANES", "CLIENTELE_SMS_FROM",
      "CLIENTELE_SMS_DAILY_MAX", "CLIENTELE_APP_URL",
    ] {
      #expect(found.contains { $0.contains(name) })
    }
  }

  @Test("a password file that is not there is named, its content never")
  func password() {
    let found = problems([
      "CLIENTELE_SMTP_URL": "smtp://me@mail.example", "CLIENTELE_SMTP_PASSWORD_FILE": "/nowhere",
    ])
    #expect(found.count == 1 && found[0].contains("/nowhere"))
  }
}
