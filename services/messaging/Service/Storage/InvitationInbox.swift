import CommonAPI
import Feed
import Foundation
import IdentityAPI
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

/// Turns news of invitations into queued messages, in the transaction that also stores how far the
/// feed was followed: each sending of an invitation becomes one message, whatever happens.
struct InvitationInbox: Table, Sendable {
  /// What of identity's feed is of interest.
  static let kinds = ["invitation.created", "invitation.resent"]

  let writer: InvitationWriter
  let kinds: MessageJobs
  /// As the worker's role.
  let jobs: Jobs

  /// News that cannot be understood; it is parked for an operator.
  struct Unusable: Error, CustomStringConvertible {
    let description: String
  }

  static let enqueue = Statement<NoRow>(
    """
    INSERT INTO messages (organization_id, message_id, channel, purpose, recipient, language,
      subject, record_id, invitation_id, send_count, organization_name, display_name, username,
      email_signs_in, expires_at)
    VALUES ($1, $2, 'EMAIL', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT ON CONSTRAINT messages_invitation_key DO NOTHING
    """)

  static let cancelOlder = Statement<NoRow>(
    """
    UPDATE messages
    SET state = 'CANCELLED', last_error = 'a newer one took its place'
    WHERE organization_id = $1 AND invitation_id = $2 AND send_count < $3 AND state = 'QUEUED'
    """)
  static let statements: [any DescribedStatement] = [enqueue, cancelOlder]

  /// What the news changes. The job that sends the message is written with it.
  /// - Throws: `Unusable`.
  func queries(for event: FeedEvent) async throws -> [AnyQuery] {
    CrashPoint.reach("messaging.invitation.before-apply")
    guard let issued = try? InvitationIssued(serialized: event.payload),
      let invitation = issued.invitation,
      let organization = UUID(uuidString: invitation.organizationID),
      let invitationID = UUID(uuidString: invitation.invitationID),
      let record = UUID(uuidString: invitation.recordID),
      let expires = invitation.expireTime, invitation.sendCount > 0,
      let purpose = MessagePurpose(invitation.purpose)
    else { throw Unusable(description: "\(event.kind) cannot be read") }
    guard let recipient = EmailAddress(invitation.email) else {
      throw Unusable(description: "\(event.kind) names no address that can be written to")
    }
    let language = writer.language(for: issued.language)
    let name = HeaderText.clean(issued.organizationName, characters: 100)
    let id = UUIDv7.make()
    let kind = try await kind(organization, isFirst: invitation.sendCount == 1)
    return [
      AnyQuery(
        Self.enqueue(
          organization, id, purpose, recipient.raw, language.rawValue,
          writer.subject(purpose, in: language, organization: name), record, invitationID,
          Int(invitation.sendCount), name, HeaderText.clean(issued.displayName, characters: 100),
          issued.username, issued.emailSignsIn, expires.date)),
      AnyQuery(Self.cancelOlder(organization, invitationID, Int(invitation.sendCount))),
      Audit.append(
        AuditEntry(
          "message.queue", on: "message", id, in: organization,
          by: .background("messaging"),
          detail: ["invitation_id": invitationID.text, "record_id": record.text])),
      AnyQuery(
        try Jobs.enqueue(kind, id: id, organization: organization, MessageJob(messageID: id))),
    ]
  }

  /// An organisation that has many mails waiting gets in line behind itself. Somebody who has one
  /// sent again is waiting for it.
  private func kind(_ organization: UUID, isFirst: Bool) async throws -> JobKind<MessageJob> {
    guard isFirst else { return kinds.prompt }
    let waiting = try await jobs.waiting(
      kinds.prompt, organization: organization, upTo: MessageJobs.promptMax)
    return waiting < MessageJobs.promptMax ? kinds.prompt : kinds.bulk
  }
}

extension MessagePurpose {
  /// Nil for a purpose that this version does not know.
  init?(_ purpose: InvitationPurpose) {
    switch purpose {
    case .activate: self = .clientInvitation
    case .joinStaff: self = .staffInvitation
    case .unspecified, .unrecognized: return nil
    }
  }
}
