import Foundation

/// An SMS on its way to the provider.
struct OutgoingSMS: Sendable, Hashable {
  /// The message; the same SMS keeps it, however often it is sent.
  let messageID: UUID
  /// When it was queued.
  let createdAt: Date
  /// E.164.
  let recipient: String
  let text: String
}

/// A way to hand SMS over. It may block: it runs on a thread kept for that.
protocol SMSCarrier: Sendable {
  /// Where SMS go next; what fails there says nothing about other places.
  var destination: String { get }
  /// Tries once.
  func handOver(_ sms: OutgoingSMS) -> Handover
}

/// Puts each SMS into the outbox as an `.sms.txt` file: the number, a blank line, the text.
struct OutboxSMSCarrier: SMSCarrier {
  let outbox: Outbox

  var destination: String { "outbox" }

  func handOver(_ sms: OutgoingSMS) -> Handover {
    outbox.put(
      [UInt8]("To: \(sms.recipient)\n\n\(sms.text)\n".utf8), of: sms.messageID, sms.createdAt,
      as: "sms.txt")
  }
}

/// Hands SMS over as they are written; nothing is asked of anybody before.
struct SMSCourier: Courier {
  static let place = "the SMS provider"
  /// A day: a reminder that comes later reminds nobody.
  static let patienceSeconds: TimeInterval = 24 * 3600

  let carrier: any SMSCarrier
  let way: Way

  func deliver(_ message: QueuedSMS, mayHaveLeft: Bool) async -> DeliveryOutcome {
    let sms = OutgoingSMS(
      messageID: message.messageID, createdAt: message.createdAt, recipient: message.recipient,
      text: message.body)
    return DeliveryOutcome(await way.handOver { [carrier] in carrier.handOver(sms) })
  }
}
