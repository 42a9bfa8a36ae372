import Foundation
import Postgres
import ServiceStorage

/// A message that is to be sent, as it waits in `jobs`; the job has the message's own id.
struct MessageJob: Codable, Sendable, Hashable {
  let messageID: UUID
}

/// The queues that messages wait in, with workers of their own each: an import of a thousand clients
/// holds up no other organisation's invitation, and neither does an SMS provider that hangs.
struct MessageJobs: Sendable {
  /// Mails somebody waits for.
  let prompt: JobKind<MessageJob>
  /// Mails of an organisation that has many waiting.
  let bulk: JobKind<MessageJob>
  /// SMS.
  let sms: JobKind<MessageJob>

  /// How many mails of an organisation may wait for their turn among everybody's.
  static let promptMax = 20

  init(_ settings: DeliverySettings) {
    func kind(_ name: String, in queue: String, lanes: Int, timeout: Int?) -> JobKind<MessageJob> {
      JobKind(
        name,
        in: JobQueue(queue) {
          $0.concurrency = lanes
          $0.lease = .seconds(settings.leaseSeconds)
          $0.heartbeat = .milliseconds(settings.leaseSeconds * 300)
          // The link, the message, and the good-bye.
          $0.timeLimit = .milliseconds(2 * (timeout ?? 20_000) + 10_000)
        })
    }
    let few = max(1, settings.lanes / 2)
    let timeout = settings.smtp?.timeoutMilliseconds
    prompt = kind("mail", in: "mail", lanes: settings.lanes, timeout: timeout)
    bulk = kind("mail", in: "mail-bulk", lanes: few, timeout: timeout)
    sms = kind("sms", in: "sms", lanes: few, timeout: settings.sms?.timeoutMilliseconds)
  }
}
