import CommonAPI
import MessagingAPI
import ServiceKit

extension OutboundMessage {
  /// A row as it goes over the wire.
  init(_ row: MessageRow) {
    self.init(
      messageID: row.messageID.text, organizationID: row.organizationID.text,
      channel: .init(row.channel), purpose: .init(row.purpose), recipient: row.recipient,
      language: row.language, subject: row.subject, state: .init(row.state),
      attempts: Int32(clamping: row.attempts), lastError: row.lastError,
      recordID: row.recordID.text,
      createTime: Timestamp(row.createdAt),
      sendTime: row.sentAt.map { Timestamp($0) })
  }
}

extension MessagingAPI.Channel {
  init(_ channel: MessageChannel) {
    self =
      switch channel {
      case .email: .email
      case .sms: .sms
      }
  }
}

extension MessagingAPI.Purpose {
  init(_ purpose: MessagePurpose) {
    self =
      switch purpose {
      case .clientInvitation: .clientInvitation
      case .staffInvitation: .staffInvitation
      case .appReminder: .appReminder
      }
  }
}

extension MessagingAPI.DeliveryState {
  init(_ state: MessageState) {
    self =
      switch state {
      case .queued: .queued
      case .sending: .sending
      case .sent: .sent
      case .failed: .failed
      case .cancelled: .cancelled
      }
  }
}
