import Foundation
import Postgres

/// What a message is for; the raw value is what the table holds.
enum MessagePurpose: String, Sendable, CaseIterable, PostgresValue {
  case clientInvitation = "CLIENT_INVITATION"
  case staffInvitation = "STAFF_INVITATION"
}

/// What became of a message; the raw value is what the table holds.
enum MessageState: String, Sendable, CaseIterable, PostgresValue {
  case queued = "QUEUED"
  case sending = "SENDING"
  case sent = "SENT"
  case failed = "FAILED"
  case cancelled = "CANCELLED"
}

/// How a message travels; the raw value is what the table holds.
enum MessageChannel: String, Sendable, CaseIterable, PostgresValue {
  case email = "EMAIL"
  case sms = "SMS"
}

/// A message as staff see it.
struct MessageRow: PostgresRow, Hashable {
  let messageID: UUID
  let organizationID: UUID
  let channel: MessageChannel
  let purpose: MessagePurpose
  let recipient: String
  let language: String
  let subject: String
  let state: MessageState
  let attempts: Int
  let lastError: String
  let recordID: UUID
  let createdAt: Date
  let sentAt: Date?

  init(from columns: inout ColumnReader) throws(PostgresError) {
    messageID = try columns.next()
    organizationID = try columns.next()
    channel = try columns.next()
    purpose = try columns.next()
    recipient = try columns.next()
    language = try columns.next()
    subject = try columns.next()
    state = try columns.next()
    attempts = try columns.next()
    lastError = try columns.next()
    recordID = try columns.next()
    createdAt = try columns.next()
    sentAt = try columns.next()
  }

  /// The columns in the order they are read.
  static let columns = """
    message_id, organization_id, channel, purpose, recipient, language, subject, state, attempts,
    last_error, record_id, created_at, sent_at
    """
}

/// A message that a worker has taken, with all it takes to write it.
struct QueuedInvitation: Sendable, Hashable {
  let messageID: UUID
  let organizationID: UUID
  let purpose: MessagePurpose
  let recipient: String
  let language: String
  let subject: String
  let invitationID: UUID
  let sendCount: Int
  let organizationName: String
  let displayName: String
  let username: String
  let emailSignsIn: Bool
  let expiresAt: Date
  let createdAt: Date
  let attempts: Int
  let refusals: Int
  /// True when a newer sending of the same invitation is known.
  let superseded: Bool
}

extension QueuedInvitation: PostgresRow {
  init(from columns: inout ColumnReader) throws(PostgresError) {
    messageID = try columns.next()
    organizationID = try columns.next()
    purpose = try columns.next()
    recipient = try columns.next()
    language = try columns.next()
    subject = try columns.next()
    invitationID = try columns.next()
    sendCount = try columns.next()
    organizationName = try columns.next()
    displayName = try columns.next()
    username = try columns.next()
    emailSignsIn = try columns.next()
    expiresAt = try columns.next()
    createdAt = try columns.next()
    attempts = try columns.next()
    refusals = try columns.next()
    superseded = try columns.next()
  }

  /// The columns in the order they are read, but for the last.
  static let columns = """
    message_id, organization_id, purpose, recipient, language, subject, invitation_id, send_count,
    organization_name, display_name, username, email_signs_in, expires_at, created_at, attempts,
    refusals
    """
}
