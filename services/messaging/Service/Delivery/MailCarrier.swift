import Foundation

/// A mail on its way to the next server.
struct OutgoingMail: Sendable {
  /// The message; the same mail keeps it, however often it is sent.
  let messageID: UUID
  /// When it was queued.
  let createdAt: Date
  /// The envelope.
  let sender: String
  let recipient: String
  /// RFC 5322.
  let bytes: [UInt8]
}

/// What became of a try to hand a message over. Texts are safe to show to the organisation's staff.
enum Handover: Sendable, Hashable {
  /// The next server has it.
  case taken
  /// The server refused it for the moment.
  case refusedForNow(String)
  /// The server refused it for good.
  case refusedForGood(String)
  /// The server could not be asked.
  case unreachable(String)
}

extension Handover {
  /// Whether there was a server that said anything.
  var isAnswer: Bool {
    if case .unreachable = self { false } else { true }
  }
}

/// A way to hand mails over. It may block: it runs on a thread kept for that.
protocol MailCarrier: Sendable {
  /// Where mails go next; what fails there says nothing about other places.
  var destination: String { get }
  /// Tries once.
  func handOver(_ mail: OutgoingMail) -> Handover
}
