import Foundation
import GRPC
import IdentityAPI
import ServiceKit

/// Writes invitations, each with its link, and hands them over as mails.
struct InvitationCourier: Courier {
  static let place = "the mail server"
  /// Three days.
  static let patienceSeconds: TimeInterval = 3 * 24 * 3600

  let identity: IdentityServiceClient
  let writer: InvitationWriter
  let carrier: any MailCarrier
  /// The envelope's sender.
  let senderAddress: String
  let way: Way

  func deliver(_ message: QueuedInvitation, mayHaveLeft: Bool) async -> DeliveryOutcome {
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
    return DeliveryOutcome(await way.handOver { [carrier] in carrier.handOver(mail) })
  }
}
