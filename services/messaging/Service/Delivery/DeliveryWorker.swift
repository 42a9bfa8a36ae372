import Foundation
import GRPC
import IdentityAPI
import Logging
import ServiceKit

/// Writes a message, hands it over, and says what became of it.
///
/// The state SENDING and the number of the try are committed before anything leaves. A crash between
/// the next server's yes and our own note of it sends the mail once more, under the same
/// `Message-ID`; anything else is sent once.
struct DeliveryWorker: Sendable {
  let identity: IdentityServiceClient
  let writer: InvitationWriter
  let carrier: any MailCarrier
  let threads: HandoverThreads
  let circuits: Circuits
  /// The envelope's sender.
  let senderAddress: String
  let clock: ServiceClock
  let log: Logger
  var backoff = Backoff()

  /// How often a server may refuse a message for the moment.
  static let refusalsMax = 8
  /// How long a message waits for a server that cannot be reached, seconds: three days.
  static let patienceSeconds: TimeInterval = 3 * 24 * 3600
  /// The longest pause before a server that is left alone is looked at again, seconds.
  static let longestAway = 300.0

  /// How long to leave the mail server alone, seconds; nil when a mail may go now.
  ///
  /// - Parameter attempt: how often the message's turn came, which lengthens the pause.
  func pause(_ attempt: Int) -> Double? {
    guard let pause = circuits.admit(carrier.destination) else { return nil }
    return max(pause / .seconds(1), min(backoff.seconds(after: attempt), Self.longestAway))
  }

  /// True while the mail server is left alone.
  var isWaiting: Bool { circuits.isOpen(carrier.destination) }

  /// Tries once, and says what to note.
  ///
  /// - Parameter mayHaveLeft: an earlier try stopped at an unknown place.
  func send(_ message: QueuedInvitation, mayHaveLeft: Bool) async -> Verdict {
    let outcome = await deliver(message, mayHaveLeft: mayHaveLeft)
    let verdict = outcome.verdict(
      refusals: message.refusals, waited: clock.now().timeIntervalSince(message.createdAt))
    log.info(
      "message tried",
      metadata: [
        "message_id": "\(message.messageID.text)", "attempt": "\(message.attempts)",
        "state": "\(verdict.state.rawValue)", "error": "\(verdict.error)",
      ])
    return Verdict(
      state: verdict.state, error: verdict.error, refused: verdict.refused,
      pause: backoff.seconds(after: message.attempts))
  }

  /// What to note of a message.
  struct Verdict: Sendable, Hashable {
    let state: MessageState
    /// In words safe to show; empty when all went well.
    let error: String
    /// Whether a mail server refused it for the moment.
    let refused: Bool
    /// Until the next try, seconds, should there be one.
    let pause: Double
  }

  private func deliver(_ message: QueuedInvitation, mayHaveLeft: Bool) async -> DeliveryOutcome {
    if message.superseded { return .cancelled("a newer one took its place") }
    let token: String
    do {
      token = try await identity.mintInvitationLink(
        MintInvitationLinkRequest(
          organizationID: message.organizationID.text, invitationID: message.invitationID.text,
          sendCount: Int32(clamping: message.sendCount)),
        options: .background(timeout: .seconds(3))
      ).token
    } catch let error as RPCError {
      return .init(noLink: error, mayHaveLeft: mayHaveLeft)
    } catch {
      return .unreachable("identity cannot be reached")
    }
    let mail = OutgoingMail(
      messageID: message.messageID, createdAt: message.createdAt, sender: senderAddress,
      recipient: message.recipient, bytes: writer.write(message, token: token).bytes)
    let handover = await threads.run { [carrier] in carrier.handOver(mail) }
    circuits.note(carrier.destination, answered: handover.isAnswer)
    return DeliveryOutcome(handover)
  }
}
