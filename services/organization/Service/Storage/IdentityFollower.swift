import CommonAPI
import Feed
import Foundation
import GRPC
import IdentityAPI
import Logging
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

/// Follows identity's feed: who accepted the invitation to join the staff is ACTIVE.
struct IdentityFollower: Sendable {
  /// As the worker's role.
  let database: Database
  let channel: any RPCChannel
  let logger: Logger

  /// The way to the feed.
  func feed() -> FeedFollower {
    FeedFollower(
      source: "identity", channel: channel, database: database, kinds: ["invitation.accepted"],
      logger: logger)
  }

  func task(_ feed: FeedFollower) -> BackgroundTask {
    BackgroundTask("follow-identity") { await feed.run(apply: Self.apply) }
  }

  /// What an event changes here.
  static func apply(_ event: FeedEvent) async throws -> [AnyQuery] {
    let accepted = try InvitationAccepted(serialized: event.payload)
    guard accepted.purpose == .joinStaff,
      let organization = UUID(uuidString: accepted.organizationID),
      let employee = UUID(uuidString: accepted.recordID)
    else { return [] }
    let act = AuditEntry(
      "employee.activate", on: "employee", employee, in: organization,
      by: .background("organization", for: UUID(uuidString: accepted.accountID)))
    return [AnyQuery(Employees.activate(organization, employee)), Audit.append(act)]
  }
}
