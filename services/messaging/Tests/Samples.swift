import Foundation

@testable import MessagingCore

extension QueuedInvitation {
  static func sample(
    purpose: MessagePurpose = .clientInvitation, language: String = "en", emailSignsIn: Bool = true
  ) -> QueuedInvitation {
    QueuedInvitation(
      messageID: OutgoingMail.sample.messageID,
      organizationID: UUID(uuid: (1, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1)),
      purpose: purpose, recipient: "ada@example.org", language: language,
      subject: "An invitation",
      invitationID: UUID(uuid: (2, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1)),
      sendCount: 1, organizationName: "Müller & <Söhne>", displayName: "Ada Lovelace",
      username: "Ada_lovelace", emailSignsIn: emailSignsIn,
      expiresAt: Date(timeIntervalSince1970: 1_795_900_000),
      createdAt: OutgoingMail.sample.createdAt, attempts: 1, refusals: 0, superseded: false)
  }
}
