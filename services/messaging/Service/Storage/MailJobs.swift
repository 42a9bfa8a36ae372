import Foundation
import Postgres
import ServiceStorage

/// A message that is to be sent, as it waits in `jobs`; the job has the message's own id.
struct MailJob: Codable, Sendable, Hashable {
  let messageID: UUID
}

/// The queues that mails wait in. What somebody waits for has workers of its own, so that an import
/// of a thousand clients holds up no other organisation's invitation.
struct MailJobs: Sendable {
  /// Mails somebody waits for.
  let prompt: JobKind<MailJob>
  /// Mails of an organisation that has many waiting.
  let bulk: JobKind<MailJob>

  /// How many mails of an organisation may wait for their turn among everybody's.
  static let promptMax = 20

  init(_ settings: DeliverySettings) {
    func kind(_ name: String, lanes: Int) -> JobKind<MailJob> {
      JobKind(
        "mail",
        in: JobQueue(name) {
          $0.concurrency = lanes
          $0.lease = .seconds(settings.leaseSeconds)
          $0.heartbeat = .milliseconds(settings.leaseSeconds * 300)
          // The link, the mail, and the good-bye.
          $0.timeLimit = .milliseconds(2 * (settings.smtp?.timeoutMilliseconds ?? 20_000) + 10_000)
        })
    }
    prompt = kind("mail", lanes: settings.lanes)
    bulk = kind("mail-bulk", lanes: max(1, settings.lanes / 2))
  }

  /// What code that knows no jobs still writes during a roll, and what it left.
  static let former = JobKind<NoPayload>("adopt-messages", in: .upkeep)
}
