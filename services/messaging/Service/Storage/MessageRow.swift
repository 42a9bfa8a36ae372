import Foundation
import Postgres
import ServiceKit

/// What a message is for; the raw value is what the table holds.
enum MessagePurpose: String, Sendable, CaseIterable, PostgresValue {
  case clientInvitation = "CLIENT_INVITATION"
  case staffInvitation = "STAFF_INVITATION"
  case appReminder = "APP_REMINDER"
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

  /// An SMS that is about to be queued.
  init(
    sms purpose: MessagePurpose, to recipient: String, about record: UUID,
    of organization: UUID, in language: MailLanguage, at moment: Date
  ) {
    messageID = UUIDv7.make(at: moment)
    organizationID = organization
    channel = .sms
    self.purpose = purpose
    self.recipient = recipient
    self.language = language.rawValue
    subject = ""
    state = .queued
    attempts = 0
    lastError = ""
    recordID = record
    // As it will be read again: to the microsecond.
    createdAt = PostgresTimestamp(moment).date
    sentAt = nil
  }

  /// The columns in the order they are read.
  static let columns = """
    message_id, organization_id, channel, purpose, recipient, language, subject, state, attempts,
    last_error, record_id, created_at, sent_at
    """
}

/// A message that a worker has taken, with all it takes to write it.
protocol MessageInHand: PostgresRow, Sendable {
  /// Begins a try: organisation, message, how often a worker died over it, number of the claim.
  static var begin: Statement<Self> { get }
  var messageID: UUID { get }
  var recipient: String { get }
  var createdAt: Date { get }
  /// Tries so far, this one included.
  var attempts: Int { get }
  /// How often it was refused for the moment.
  var refusals: Int { get }
}

/// An invitation that a worker has taken.
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

extension QueuedInvitation: MessageInHand {
  static var begin: Statement<Self> { Sendings.beginInvitation }

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

/// An SMS that a worker has taken.
struct QueuedSMS: Sendable, Hashable {
  let messageID: UUID
  /// E.164.
  let recipient: String
  let body: String
  let createdAt: Date
  let attempts: Int
  let refusals: Int
}

extension QueuedSMS: MessageInHand {
  static var begin: Statement<Self> { Sendings.beginSMS }

  init(from columns: inout ColumnReader) throws(PostgresError) {
    messageID = try columns.next()
    recipient = try columns.next()
    body = try columns.next()
    createdAt = try columns.next()
    attempts = try columns.next()
    refusals = try columns.next()
  }

  /// The columns in the order they are read.
  static let columns = "message_id, recipient, body, created_at, attempts, refusals"
}
