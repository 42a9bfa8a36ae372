import CommonAPI
import Feed
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import TestKit
import Testing

@testable import IdentityCore

/// The feed as the followers read it, through the worker's role.
@Suite struct NewsTests {
  @Test("followers read what they ask for, with its payload", arguments: Depth.allCases)
  func feed(depth: Depth) async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.active("ada@example.org", organization: organization)
      let session = try #require(try await identity.signIn("ada@example.org").session)
      _ = try await identity.client.signOut(
        SignOutRequest(), options: try identity.options(session))
      let worker = try identity.database.database(role: "identity_worker")
      try await withService(
        depth, bindings: [.feedService(FeedServer(database: worker))],
        interceptors: [TestIssuer.access()], as: "messaging"
      ) { channel in
        let feed = FeedServiceClient(channel)
        let accepted = try await first("invitation.accepted", of: feed)
        #expect(accepted.organizationID == organization)
        let acceptance = try InvitationAccepted(serialized: accepted.payload)
        #expect(acceptance.accountID == account.accountID)
        #expect(acceptance.purpose == .activate)
        let revoked = try await first("session.revoked", of: feed)
        #expect(revoked.organizationID.isEmpty)
        let revocation = try SessionRevoked(serialized: revoked.payload)
        #expect(revocation.sessionID == session.sessionID)
        #expect(revocation.accountID == account.accountID)
      }
    }
  }

  /// Waits for it: an open transaction of another test holds the feed back.
  private func first(_ kind: String, of feed: FeedServiceClient) async throws -> FeedEvent {
    for _ in 0..<10 {
      let page = try await feed.listEvents(
        ListEventsRequest(wait: ProtoDuration(seconds: 5), kinds: [kind]),
        options: CallOptions(timeout: .seconds(10)))
      if let event = page.events.first { return event }
    }
    throw RPCError(.deadlineExceeded, "no \(kind) came")
  }
}
