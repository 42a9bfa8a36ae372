import Foundation
import Postgres
import ServiceKit

/// Writes the mails that invited the clients into messaging, all of them sent, as the role
/// `messaging_worker`: the service's own may only read them.
struct MessagingSeed: Table, Sendable {
  let database: Database

  private static let stage = Statement<NoRow>(
    """
    create temporary table seeded_messages (message_id uuid, recipient text, language text,
      subject text, record_id uuid, invitation_id uuid, display_name text, username text,
      email_signs_in boolean, created_at timestamptz) on commit drop
    """)
  private static let columns: [StaticString] = [
    "message_id", "recipient", "language", "subject", "record_id", "invitation_id", "display_name",
    "username", "email_signs_in", "created_at",
  ]
  private static let take = Statement<NoRow>(
    """
    insert into messages (organization_id, message_id, channel, purpose, recipient, language,
      subject, record_id, invitation_id, send_count, organization_name, display_name, username,
      email_signs_in, expires_at, state, attempts, created_at, sent_at)
    select $1, message_id, 'EMAIL', 'CLIENT_INVITATION', recipient, language, subject, record_id,
      invitation_id, 1, $2, display_name, username, email_signs_in, created_at + interval '7 days',
      'SENT', 1, created_at, created_at + interval '2 seconds'
    from seeded_messages
    """)

  static let statements: [any DescribedStatement] = [stage, take]

  /// Stores a message for each invited client; all or nothing.
  func store(_ clients: [SeedClient], of organization: SeedOrganization) async throws {
    let deadline = ContinuousClock.now + SeedRun.stepTimeout
    try await database.transaction(.none, deadline: deadline) { step in
      try await step.run(Self.stage())
      try await step.copy(into: "seeded_messages", columns: Self.columns) { writer in
        for client in clients {
          guard let row = Self.row(client, organization) else { continue }
          try await writer.write(row)
        }
      }
      try await step.run(Self.take(organization.id, organization.name))
    }
  }

  private static func row(_ client: SeedClient, _ organization: SeedOrganization) -> CopyRow? {
    guard let account = client.account, let invitation = account.invitation else { return nil }
    let language = String(client.language.prefix(2))
    return CopyRow(
      invitation.id.atSameTime, invitation.email, language,
      subject(in: language, from: organization.name), client.id, invitation.id,
      account.displayName, account.username, client.emailSignsIn, client.createdAt)
  }

  private static func subject(in language: String, from name: String) -> String {
    switch language {
    case "nl": "\(name) nodigt u uit voor uw cliëntaccount"
    case "en": "\(name) invites you to your client account"
    default: "\(name) vous invite à ouvrir votre compte client"
    }
  }
}

extension UUID {
  /// Another id of the same moment, the same each time: the time stays, the chance changes.
  fileprivate var atSameTime: UUID {
    let chance = derived("message").uuid
    return UUID(
      uuid: (
        uuid.0, uuid.1, uuid.2, uuid.3, uuid.4, uuid.5, uuid.6, chance.7, chance.8, chance.9,
        chance.10, chance.11, chance.12, chance.13, chance.14, chance.15
      ))
  }
}
