import CommonAPI
import Feed
import Foundation
import IdentityAPI
import Postgres
import Protobuf
import ServiceKit

/// What identity announces; the kinds and payloads of events.proto.
enum News {
  static func issued(_ kind: IssueKind, _ news: InvitationIssued, organization: UUID, id: UUID)
    -> AnyQuery
  {
    append(kind.rawValue, organization, id, news)
  }

  /// Whether a mail goes out for the first time.
  enum IssueKind: String {
    case created = "invitation.created"
    case resent = "invitation.resent"
  }

  static func accepted(_ news: InvitationAccepted, organization: UUID, id: UUID) -> AnyQuery {
    append("invitation.accepted", organization, id, news)
  }

  static func activated(_ account: UUID) -> AnyQuery {
    append("account.activated", nil, account, AccountActivated(accountID: account.text))
  }

  static func revoked(session: UUID, of account: UUID, at now: Date) -> AnyQuery {
    append(
      "session.revoked", nil, account,
      SessionRevoked(
        accountID: account.text, sessionID: session.text, revokeTime: Timestamp(now)))
  }

  static func changed(_ membership: MembershipRow) -> AnyQuery {
    append(
      "membership.changed", membership.organizationID, membership.accountID,
      MembershipChanged(membership: membership.membership))
  }

  private static func append(
    _ kind: String, _ organization: UUID?, _ aggregate: UUID, _ payload: some Message
  ) -> AnyQuery {
    AnyQuery(
      Events.append(
        kind: kind, organization: organization, aggregate: aggregate,
        payload: payload.serialized()))
  }
}
