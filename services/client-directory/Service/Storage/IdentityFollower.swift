import ClientDirectoryAPI
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

/// Follows identity's feed: a client who accepted the invitation is ACTIVE.
struct IdentityFollower: Sendable {
  /// What files are read with, as the service's role.
  let clients: Clients
  /// What writes an event's effect with the position, as the worker's role.
  let worker: Database
  let identity: IdentityPeer
  let channel: any RPCChannel
  let logger: Logger
  let clock: ServiceClock

  /// The way to the feed.
  func feed() -> FeedFollower {
    FeedFollower(
      source: "identity", channel: channel, database: worker,
      kinds: ["invitation.accepted"], logger: logger)
  }

  func task(_ feed: FeedFollower) -> BackgroundTask {
    BackgroundTask("follow-identity") { await feed.run(apply: apply) }
  }

  /// What an event changes here. A file changed meanwhile fails the write, and the follower tries
  /// the event again.
  @Sendable func apply(_ event: FeedEvent) async throws -> [AnyQuery] {
    let accepted = try InvitationAccepted(serialized: event.payload)
    guard accepted.purpose == .activate,
      let organization = UUID(uuidString: accepted.organizationID),
      let client = UUID(uuidString: accepted.recordID),
      let account = UUID(uuidString: accepted.accountID),
      var row = try await clients.find(
        client, of: organization, deadline: .after(.seconds(5))),
      row.accessState != .active
    else { return [] }
    let login = try await identity.login(of: account)
    row.accountID = account
    row.username = login.username
    row.accessState = .active
    // Until now blind organisations were not told; the holder has made it known.
    row.emailSignsIn =
      login.email != nil && row.primary(.email)?.normalized == login.email?.normalized
    row.touch(at: clock.now())
    let act = AuditEntry(
      "client.activate", on: "client", client, in: organization,
      by: .background("client-directory", for: account))
    return ClientWrites.changing(row, [.dropInvitationJob]) + [Audit.append(act)]
  }
}
